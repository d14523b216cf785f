"""A log that lost a part: its session says so with the range, and nothing goes on in silence."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.marks import Marks
from jidoka.contract import events as e
from jidoka.core.ports import Head
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, settle
from tests.support.nats import NatsServer


async def test_a_log_shorter_than_its_mark_makes_the_session_degraded(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")
    marks = Marks(home / "marks")
    seen = (await marks.load())[session]
    marks.note(session, Head(seen.cursor + 3, seen.sequence + 3, "0" * 64))
    await marks.flush()

    async with leading(bus, nats_url, home):
        info = await degraded(bus, session)
        await host.kill(session)
        last = await NatsEventLog(bus).last(session)
        await record(bus, session, e.SessionTerminationRequested())
        settled = await settle(bus, session)

    assert seen.sequence == 4
    assert info["error"]["code"] == "log_damaged"
    assert info["error"]["details"] == {"first": 5, "last": 7}
    assert last is not None
    assert last.sequence == 4
    assert settled


async def test_a_store_that_was_lost_does_not_keep_new_sessions_from_living(
    nats_server: NatsServer, home: Path, tmp_path: Path
):
    async with await connect(nats_server.url, name="before") as bus:
        await ensure(bus)
        async with FakeHost(bus), leading(bus, nats_server.url, home):
            old = (await create(bus, tmp_path / "p"))["session_id"]
            await events_until(bus, old, "active")
            await ask(bus, "session.list", {"status": ["terminated"]})  # the registry has it
    nats_server.stop()
    shutil.rmtree(nats_server.home / "store")
    nats_server.start()

    async with await connect(nats_server.url, name="after") as bus:
        await ensure(bus)
        async with FakeHost(bus), leading(bus, nats_server.url, home):
            new = (await create(bus, tmp_path / "q"))["session_id"]
            await events_until(bus, new, "active")
            listed = await ask(bus, "session.list", {"status": ["active", "terminated"]})

    assert [info["session_id"] for info in listed["sessions"]] == [new]


async def degraded(bus: Bus, session: str) -> dict:
    """Return what is said of a session as soon as it is degraded."""
    while True:
        info = await ask(bus, "session.get", {"session_id": session})
        if info["degraded"]:
            return info
        await asyncio.sleep(0.01)
