"""Fixtures of the tests of model calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.llm.gateway_client import GatewayClient
from tests.support.fake_openai import running_openai
from tests.support.gateway import gateway_here
from tests.support.llm import LIBRARY, Gatewayed, Provider, World


@pytest.fixture
async def world(nats_url: str, tmp_path: Path) -> AsyncGenerator[World]:
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus)
        yield World(bus, nats_url, tmp_path)


@pytest.fixture
async def provider() -> AsyncGenerator[Provider]:
    await LIBRARY.load()
    async with running_openai() as server:
        yield Provider(server)


@pytest.fixture
async def gatewayed(provider: Provider, nats_url: str, tmp_path: Path) -> AsyncGenerator[Gatewayed]:
    async with (
        await connect(nats_url, name="test") as bus,
        gateway_here(bus, {}, home=tmp_path),
    ):
        yield Gatewayed(provider, GatewayClient(bus, NatsBlobs(bus)))
