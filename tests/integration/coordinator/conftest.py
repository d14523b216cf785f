"""A coordinator that runs, a log to fill, and a stranger at the door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
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
from tests.support.drafts import new_id
from tests.support.nats import running_nats


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


@pytest.fixture(scope="module")
def shared_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker with one replica, for all tests of a file; each has its session."""
    folder = tmp_path_factory.mktemp("door")
    with (
        running_nats(folder / "nats") as server,
        starting_coordinator(server.url, folder / "coordinator") as replica,
    ):
        replica.wait_until_ready()
        yield server.url


@pytest.fixture
def sid() -> str:
    """The id of a session that no other test has."""
    return f"s{new_id()}"
