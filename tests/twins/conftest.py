"""Each suite here runs on every implementation of its port: in memory and on a real nats-server.

With `JIDOKA_TEST_NATS_URL` the second one is that server instead of one of the test's own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from tests.support.nats import running_nats


@pytest.fixture(params=["memory", "nats"])
def implementation(request) -> str:
    return request.param


@pytest.fixture
async def bus(implementation: str, tmp_path) -> AsyncIterator[Bus | None]:
    """A connection to a server that has all streams; None for the twin in memory."""
    if implementation == "memory":
        yield None
        return
    given = os.environ.get("JIDOKA_TEST_NATS_URL")
    if given:
        async with await connect(given, name="test", patience_s=10) as bus:
            await ensure(bus)
            yield bus
        return
    with running_nats(tmp_path / "nats") as server:
        async with await connect(server.url, name="test") as bus:
            await ensure(bus)
            yield bus
