"""A client of the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jidoka.bus.connection import Bus
from jidoka.client import Client


@pytest.fixture
async def client(bus: Bus, nats_url: str) -> AsyncIterator[Client]:
    async with await Client.connect(nats_url, timeout_s=5) as made:
        yield made
