"""The session-manager on a real broker, with a host that answers without processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from tests.support.fake_host import FakeHost
from tests.support.manager import create, events_until, leading


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="test") as connection:
        await ensure(connection)
        yield connection


@pytest.fixture
async def host(bus: Bus) -> AsyncIterator[FakeHost]:
    async with FakeHost(bus) as fake:
        yield fake


async def test_a_created_session_becomes_active(
    bus: Bus, nats_url: str, host: FakeHost, tmp_path: Path
):
    async with leading(bus, nats_url, tmp_path / "home"):
        made = await create(bus, tmp_path / "p", name="demo")
        events = await events_until(bus, made["session_id"], "active")

    assert (made["name"], made["status"], made["sequence"]) == ("demo", "initializing", 1)
    assert made["project_path"] == str(tmp_path / "p")
    assert events == ["session.created", "initializing", "worker.assigned 1", "active"]
