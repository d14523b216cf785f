"""A broker with its streams, and a connection to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="test") as connection:
        await ensure(connection)
        yield connection
