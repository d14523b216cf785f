"""The program itself: one of several leads, another takes over, and it ends when it is asked to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from jidoka.bus.buckets import Bucket
from jidoka.bus.connection import Bus
from jidoka.contract.errors import TimedOut, Unavailable
from jidoka.contract.subjects import LEASES_BUCKET
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until
from tests.support.nats import NatsServer

START_S = 20.0


@asynccontextmanager
async def process(
    home: Path, nats_url: str, *args: str, **settings: str
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run the program; end whatever is left of it afterwards."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("JIDOKA_")},
        "JIDOKA_HOME": str(home),
        "JIDOKA_NATS_URL": nats_url,
        **settings,
    }
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "jidoka.session_manager", *args),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.kill()
        await running.communicate()


async def leader_pid(bus: Bus) -> int:
    """Return the pid of the process that leads, as soon as one answers."""
    async with asyncio.timeout(START_S):
        while True:
            with suppress(Unavailable, TimedOut):
                await ask(bus, "session.list", {}, timeout_s=1.0)
                value = await Bucket(bus, LEASES_BUCKET).get("session-manager")
                if value is not None and value.body is not None:
                    return int(value.body.decode().partition("-")[0])
            await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(60)
async def test_a_standby_takes_over_from_a_killed_leader_and_keeps_its_workers(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with process(home, nats_url) as one, process(home, nats_url) as two:
        first = await leader_pid(bus)
        made = await create(bus, tmp_path / "p")
        await events_until(bus, made["session_id"], "active")
        leader, standby = (one, two) if one.pid == first else (two, one)
        leader.kill()
        await leader.wait()
        second = await leader_pid(bus)
        info = await ask(bus, "session.get", {"session_id": made["session_id"]})

    assert second == standby.pid
    assert info["status"] == "active"
    assert [start.epoch for start in host.started] == [1]


async def test_asked_to_end_it_leaves_in_time_and_touches_no_worker(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with process(home, nats_url) as program:
        await leader_pid(bus)
        made = await create(bus, tmp_path / "p")
        await events_until(bus, made["session_id"], "active")
        program.send_signal(signal.SIGTERM)
        async with asyncio.timeout(START_S):
            code = await program.wait()

    assert code == 0
    assert host.stopped == []
    assert set(host.workers) == {made["session_id"]}


async def test_a_folder_that_cannot_be_written_is_named_with_exit_code_5(
    bus: Bus, nats_url: str, tmp_path: Path
):
    (tmp_path / "file").write_text("in the way")
    async with process(tmp_path / "file" / "home", nats_url) as program:
        async with asyncio.timeout(START_S):
            _, said = await program.communicate()

    assert program.returncode == 5
    assert str(tmp_path / "file" / "home") in said.decode()


async def test_rebuild_prints_how_far_it_got(bus: Bus, nats_url: str, home: Path):
    async with process(home, nats_url, "rebuild") as program:
        async with asyncio.timeout(START_S):
            said, _ = await program.communicate()

    assert program.returncode == 0
    assert b'"position": 0' in said


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("outage_s", [0.0, 3.0])  # a sign of life expires after two
async def test_a_broker_that_was_killed_and_is_back_finds_everything_as_it_was(
    bus: Bus, nats_server: NatsServer, host: FakeHost, tmp_path: Path, outage_s: float
):
    async with process(tmp_path / "home", nats_server.url):
        await leader_pid(bus)
        before = await create(bus, tmp_path / "p1")
        await events_until(bus, before["session_id"], "active")
        nats_server.kill()
        await asyncio.sleep(outage_s)
        nats_server.start()
        await leader_pid(bus)
        after = await create(bus, tmp_path / "p2")
        await events_until(bus, after["session_id"], "active")
        events = await events_until(bus, before["session_id"], "active")
        info = await ask(bus, "session.get", {"session_id": before["session_id"]})

    assert info["status"] == "active"
    assert "worker.lost 1" not in events
    assert {start.epoch for start in host.started} == {1}
