"""A coordinator that runs, a log to fill, and a stranger at the door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.coordinator import (
    CoordinatorProcess,
    Sessions,
    Stranger,
    a_log,
    a_stranger,
    starting_coordinator,
)


@pytest.fixture
async def coordinator(nats_url: str, tmp_path: Path) -> AsyncIterator[CoordinatorProcess]:
    """One replica that listens."""
    with starting_coordinator(nats_url, tmp_path / "coordinator") as replica:
        await replica.ready()
        yield replica


@pytest.fixture
async def stranger(nats_url: str) -> AsyncIterator[Stranger]:
    """A client without a line of ours."""
    async with a_stranger(nats_url) as client:
        yield client


@pytest.fixture
async def sessions(nats_url: str) -> AsyncIterator[Sessions]:
    """The log, to be filled and read."""
    async with a_log(nats_url) as log:
        yield log
