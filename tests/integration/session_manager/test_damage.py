"""A log that lost a part: its session says so with the range, and nothing goes on in silence."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.marks import Marks
from jidoka.bus.quarantine import Quarantine, Quarantined, Wanted
from jidoka.contract import events as e
from jidoka.contract.errors import LogDamaged
from jidoka.contract.subjects import session_event
from jidoka.core.ports import Draft, Head
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, settle
from tests.support.nats import NatsServer


async def test_a_log_shorter_than_its_mark_makes_the_session_degraded(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")
        await ask(bus, "session.list", {"status": ["terminated"]})  # it is marked
    marks = Marks(home / "marks")
    seen = (await marks.load())[session]
    marks.note(session, Head(seen.cursor + 3, seen.sequence + 3, "0" * 64))
    await marks.flush()

    async with leading(bus, nats_url, home):
        info = await degraded(bus, session)
        await until_stopped(host)
        with pytest.raises(LogDamaged):
            await ask(bus, "session.fork", {"session_id": session, "project_path": str(tmp_path)})
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


async def test_a_session_of_which_nothing_is_left_is_named_and_can_be_deleted(
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
        async with FakeHost(bus) as host, leading(bus, nats_server.url, home):
            (listed,) = (await ask(bus, "session.list", {}))["sessions"]
            with pytest.raises(LogDamaged) as refused:
                await ask(bus, "session.resume", {"session_id": old})
            started = list(host.started)
        async with FakeHost(bus), leading(bus, nats_server.url, home):
            (again,) = (await ask(bus, "session.list", {}))["sessions"]
            await ask(bus, "session.delete", {"session_id": old})
            left = (await ask(bus, "session.list", {}))["sessions"]
        async with FakeHost(bus), leading(bus, nats_server.url, home):
            after = (await ask(bus, "session.list", {}))["sessions"]

    assert (listed["session_id"], listed["degraded"]) == (old, True)
    assert listed["project_path"] == str(tmp_path / "p")
    assert listed["error"]["details"]["first"] == 1
    assert refused.value.last == 4
    assert started == []
    assert again == listed
    assert left == after == []


@pytest.mark.parametrize("harm", ["hole", "unreadable", "newer"])
async def test_what_stands_wrong_in_a_log_is_found_before_a_worker_starts(
    bus: Bus, nats_url: str, host: FakeHost, tmp_path: Path, harm: str
):
    home = tmp_path / "home"
    async with leading(bus, nats_url, home, idle_s=0.2):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "idle")
    last = await NatsEventLog(bus).last(session)
    assert last is not None
    number = last.sequence + (2 if harm == "hole" else 1)
    version = 2 if harm == "newer" else 1
    body = last.envelope.model_copy(
        update={
            "id": "x",
            "type": f"jido.message.accepted.v{version}",
            "sequence": f"{number:010d}",
            "prevhash": last.head.digest,
            "data": {"message_id": 7},
        }
    ).to_json()
    await bus.store(session_event(session, "message.accepted"), body, {}, 5.0)

    async with leading(bus, nats_url, home):
        info = await troubled(bus, session)
        started = [each for each in host.started if each.epoch > 1]
        if harm != "newer":
            await quarantined(bus, session)  # which may be a moment after the trouble is told
        kept = await Quarantine(bus).list(Wanted("session-manager"))

    codes = {"hole": "log_damaged", "unreadable": "log_damaged", "newer": "unsupported_version"}
    assert info["error"]["code"] == codes[harm]
    assert info["degraded"] == (harm != "newer")
    assert started == []
    assert len(kept) == (0 if harm == "newer" else 1)


async def test_a_strangers_message_is_put_into_quarantine_and_the_session_goes_on(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")
        await bus.store(session_event(session, "turn.ended"), b"{no json", {}, 5.0)
        await record(bus, session, e.MessageAccepted(message_id="m", content="hello"))
        kept = await quarantined(bus, session)
        info = await ask(bus, "session.get", {"session_id": session})

    assert [(each.code, each.body) for each in kept] == [("invalid_message", b"{no json")]
    assert not info["degraded"]
    assert info["status"] == "active"


async def until_stopped(host: FakeHost) -> None:
    """Return when no worker is left."""
    while True:
        if not host.workers:
            return
        await asyncio.sleep(0.01)


async def quarantined(bus: Bus, session: str) -> tuple[Quarantined, ...]:
    """Return what the session-manager put away of a session, as soon as there is anything."""
    while True:
        if kept := await Quarantine(bus).list(Wanted("session-manager", session)):
            return kept
        await asyncio.sleep(0.01)


async def troubled(bus: Bus, session: str) -> dict:
    """Return what is said of a session as soon as something is wrong with it."""
    while True:
        info = await ask(bus, "session.get", {"session_id": session})
        if info["error"]:
            return info
        await asyncio.sleep(0.01)


async def degraded(bus: Bus, session: str) -> dict:
    """Return what is said of a session as soon as it is degraded."""
    while True:
        info = await ask(bus, "session.get", {"session_id": session})
        if info["degraded"]:
            return info
        await asyncio.sleep(0.01)


async def test_a_fork_goes_on_from_before_what_is_damaged(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")
        await record(bus, session, e.MessageAccepted(message_id="m", content="hello"))
        log = NatsEventLog(bus)
        last = await log.last(session)
        assert last is not None
        draft = Draft(e.MessageAccepted(message_id="n", content="later"), "n", "/test")
        await log.append(session, draft, replace(last.head, sequence=last.sequence + 2))
        await degraded(bus, session)
        (tmp_path / "q").mkdir()
        fork = {"session_id": session, "project_path": str(tmp_path / "q")}

        made = await ask(bus, "session.fork", fork | {"at": last.sequence})

        with pytest.raises(LogDamaged):
            await ask(bus, "session.fork", fork | {"at": last.sequence + 1})
    birth, *_ = [entry.event async for entry in log.read(made["session_id"])]
    assert isinstance(birth, e.SessionForked)
    assert birth.at == last.sequence
