"""A broker that acknowledges before it has synced is refused, where that can be seen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jidoka.bus.connection import connect
from jidoka.bus.durability import Durability, verify
from jidoka.contract.errors import Unavailable
from tests.support.nats import NatsServer


class Watched(NatsServer):
    """A server with a monitoring port."""

    def _config(self) -> str:
        return f"http: 127.0.0.1:-1\n{super()._config()}"

    @property
    def monitor_url(self) -> str:
        """Where it says what it is."""
        return self.listens("monitoring")


@pytest.fixture(params=[True, False])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A server that syncs before it acknowledges, and one that does not."""
    server = Watched(tmp_path, sync_always=request.param)
    server.start()
    yield server
    server.stop()


async def refusal(server: Watched, durability: Durability, monitor_url: str | None) -> str:
    """Return why the broker is refused, nothing when it is not."""
    async with await connect(server.url, name="test") as bus:
        try:
            await verify(bus, durability, monitor_url)
        except Unavailable as refused:
            return refused.message
    return ""


@pytest.mark.parametrize("server", [True], indirect=True)
async def test_a_broker_that_syncs_is_taken(server: Watched):
    assert await refusal(server, "verified", server.monitor_url) == ""


@pytest.mark.parametrize("server", [False], indirect=True)
async def test_a_broker_that_does_not_sync_is_refused_unless_its_owner_vouches(server: Watched):
    refused = await refusal(server, "auto", server.monitor_url)

    assert "sync_interval: always" in refused
    assert "JIDOKA_BROKER_DURABILITY=trusted" in refused
    assert await refusal(server, "trusted", server.monitor_url) == ""


@pytest.mark.parametrize("server", [False], indirect=True)
async def test_a_broker_that_cannot_be_seen_is_refused_only_where_that_is_asked_for(
    server: Watched,
):
    assert await refusal(server, "auto", None) == ""
    assert "JIDOKA_BROKER_MONITOR_URL" in await refusal(server, "verified", None)


@pytest.mark.parametrize("server", [True], indirect=True)
async def test_the_monitor_has_to_be_of_the_broker_that_is_used(server: Watched, tmp_path: Path):
    other = Watched(tmp_path / "other", sync_always=True)
    other.start()
    try:
        refused = await refusal(server, "auto", other.monitor_url)
    finally:
        other.stop()

    assert "another broker" in refused


@pytest.mark.parametrize("server", [False], indirect=True)
@pytest.mark.parametrize("program", ["coordinator", "session_manager"])
def test_a_program_that_records_does_not_start_on_it(server: Watched, tmp_path: Path, program: str):
    ended = subprocess.run(
        [sys.executable, "-m", f"jidoka.{program}"],
        env={
            "PATH": "",
            "PYTHONPATH": ":".join(sys.path),
            "JIDOKA_HOME": str(tmp_path / "home"),
            "JIDOKA_NATS_URL": server.url,
            "JIDOKA_BROKER_MONITOR_URL": server.monitor_url,
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 5
    assert "sync_interval: always" in ended.stderr
