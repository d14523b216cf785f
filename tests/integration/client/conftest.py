"""A broker with its streams, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.client import Client


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="test") as connection:
        await ensure(connection)
        yield connection


@pytest.fixture
async def client(bus: Bus, nats_url: str) -> AsyncIterator[Client]:
    async with await Client.connect(nats_url, timeout_s=5) as made:
        yield made
