"""Deleting: what is left of a session is its tombstone, and everyone agrees on that."""

from __future__ import annotations

from pathlib import Path

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.buckets import Snapshots
from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.marks import Marks
from jidoka.contract import events as e
from jidoka.contract.content import Status
from jidoka.contract.errors import InvalidTransition, LogDamaged, SessionNotFound
from jidoka.contract.subjects import EVENTS_STREAM, session_event, session_events
from jidoka.core.ports import Draft, Entry
from tests.support.fake_host import FakeHost
from tests.support.manager import (
    CLIENT,
    ask,
    create,
    events_until,
    leading,
    new_id,
    record,
    settle,
)

EVERY_STATUS = [status.value for status in Status]


async def ended(bus: Bus, project: Path, end: e.Event) -> str:
    """Return a session that was closed or terminated, with a blob and a snapshot."""
    session = (await create(bus, project))["session_id"]
    await events_until(bus, session, "active")
    await record(bus, session, end)
    await settle(bus, session)
    await NatsBlobs(bus).put(session, b"secret")
    await Snapshots(bus).put(session, b"{}")
    return session


async def log_of(bus: Bus, session: str) -> list[Entry]:
    return [entry async for entry in NatsEventLog(bus).read(session)]


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("end", [e.SessionCloseRequested(), e.SessionTerminationRequested()])
async def test_a_deleted_session_leaves_a_tombstone_and_nothing_else(
    end: e.Event, bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home) as registry:
        other = await ended(bus, tmp_path / "other", e.SessionCloseRequested())
        session = await ended(bus, tmp_path / "p", end)
        before = (await log_of(bus, session))[-1]
        reply = await ask(bus, "session.delete", {"session_id": session, "author": "anna"})
        listed = await ask(bus, "session.list", {"status": EVERY_STATUS})
        with pytest.raises(SessionNotFound):
            await ask(bus, "session.get", {"session_id": session})
        row = await registry.get(session)

    [left] = await log_of(bus, session)
    tombstone = left.event
    assert isinstance(tombstone, e.SessionDeleted)
    assert (tombstone.by, tombstone.last_hash) == ("anna", before.head.digest)
    assert tombstone.last_sequence == before.sequence == left.sequence - 1
    assert (reply["session_id"], reply["sequence"]) == (session, left.sequence)
    assert [each["session_id"] for each in listed["sessions"]] == [other]
    assert row is None
    assert await Snapshots(bus).get(session) is None
    assert await NatsBlobs(bus).delete_session(session) == 0
    assert await NatsBlobs(bus).delete_session(other) == 1
    assert len(await log_of(bus, other)) > 1


async def test_deleting_twice_is_deleting_once(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = await ended(bus, tmp_path / "p", e.SessionTerminationRequested())
        first = await ask(bus, "session.delete", {"session_id": session})
        second = await ask(bus, "session.delete", {"session_id": session})

    assert second == first
    assert len(await log_of(bus, session)) == 1


async def test_an_open_session_and_one_that_never_was_are_not_deleted(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")
        with pytest.raises(InvalidTransition):
            await ask(bus, "session.delete", {"session_id": session})
        with pytest.raises(SessionNotFound):
            await ask(bus, "session.delete", {"session_id": "nobody"})
        info = await ask(bus, "session.get", {"session_id": session})

    assert info["status"] == "active"


async def test_the_create_command_of_a_deleted_session_makes_no_second_one(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    (tmp_path / "p").mkdir()
    project = {"project_path": str(tmp_path / "p")}
    async with leading(bus, nats_url, home):
        made = await ask(bus, "session.create", project, command_id="once")
        session = made["session_id"]
        await events_until(bus, session, "active")
        await record(bus, session, e.SessionTerminationRequested())
        await settle(bus, session)
        await ask(bus, "session.delete", {"session_id": session})
        with pytest.raises(SessionNotFound):
            await ask(bus, "session.create", project, command_id="once")

    assert len(await log_of(bus, session)) == 1


async def test_a_rebuilt_registry_knows_as_little(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        await ended(bus, tmp_path / "kept", e.SessionTerminationRequested())
        session = await ended(bus, tmp_path / "p", e.SessionTerminationRequested())
        await ask(bus, "session.delete", {"session_id": session})
        before = await ask(bus, "session.list", {"status": EVERY_STATUS})
        await bus.request("jido.manager.registry.rebuild", b"", 20.0)
        after = await ask(bus, "session.list", {"status": EVERY_STATUS})

    assert after == before
    assert len(after["sessions"]) == 1


async def test_the_next_leader_erases_what_the_last_one_left(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = await ended(bus, tmp_path / "p", e.SessionTerminationRequested())
    before = (await log_of(bus, session))[-1]
    assert before.time is not None
    died_here = e.SessionDeleted(
        at=before.time, by="anna", last_sequence=before.sequence, last_hash=before.head.digest
    )
    draft = Draft(died_here, new_id(), CLIENT, causation_id=new_id())
    await NatsEventLog(bus).append(session, draft, before.head)

    async with leading(bus, nats_url, home):
        async for entry in NatsEventLog(bus).follow(session, before.head):
            assert isinstance(entry.event, e.SessionDeleted)
            break
        while len(await log_of(bus, session)) > 1 or session in await Marks(home / "marks").load():
            pass
        listed = await ask(bus, "session.list", {"status": EVERY_STATUS})

    assert listed["sessions"] == []
    assert await NatsBlobs(bus).delete_session(session) == 0


async def come_back(bus: Bus, session: str, events: list[Entry]) -> None:
    """Have a log as a broker leaves it that lost the tombstone and what it had erased."""
    whole = {"filter": session_events(session)}
    await bus.api(f"STREAM.PURGE.{EVENTS_STREAM}", whole, 5.0)
    for entry in events:
        subject = session_event(session, entry.envelope.name)
        await bus.store(subject, entry.envelope.to_json(), {}, 5.0)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("end", [e.SessionCloseRequested(), e.SessionTerminationRequested()])
async def test_a_deleted_session_whose_tombstone_is_lost_is_deleted_again(
    end: e.Event, bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = await ended(bus, tmp_path / "p", end)
        events = await log_of(bus, session)
        await ask(bus, "session.delete", {"session_id": session})
    await come_back(bus, session, events)

    async with leading(bus, nats_url, home):
        listed = await ask(bus, "session.list", {"status": EVERY_STATUS})
        with pytest.raises(SessionNotFound):
            await ask(bus, "session.get", {"session_id": session})

    [left] = await log_of(bus, session)
    assert isinstance(left.event, e.SessionDeleted)
    assert left.sequence == events[-1].sequence + 1
    assert listed["sessions"] == []


@pytest.mark.usefixtures("host")
async def test_a_part_of_a_deleted_session_that_is_back_is_degraded_and_can_be_deleted(
    bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = await ended(bus, tmp_path / "p", e.SessionCloseRequested())
        events = await log_of(bus, session)
        await record(bus, session, e.SessionRenamed(session_name="late"))
        await ask(bus, "session.delete", {"session_id": session})
    await come_back(bus, session, events)

    async with leading(bus, nats_url, home):
        info = await ask(bus, "session.get", {"session_id": session})
        with pytest.raises(LogDamaged):
            await ask(bus, "session.resume", {"session_id": session})
        await ask(bus, "session.delete", {"session_id": session})
        listed = await ask(bus, "session.list", {"status": EVERY_STATUS})

    first = events[-1].sequence + 1
    assert info["degraded"]
    assert info["error"]["details"] == {"first": first, "last": first + 1}
    assert listed["sessions"] == []


async def test_what_has_ended_is_deleted_after_its_time_and_what_is_closed_is_kept(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, retention_s=0.5):
        closed = await ended(bus, tmp_path / "closed", e.SessionCloseRequested())
        session = await ended(bus, tmp_path / "p", e.SessionTerminationRequested())
        await events_until(bus, session, "session.deleted")
        listed = await ask(bus, "session.list", {"status": EVERY_STATUS})

    tombstone = (await log_of(bus, session))[-1].event
    assert isinstance(tombstone, e.SessionDeleted)
    assert tombstone.by == "retention"
    assert [each["session_id"] for each in listed["sessions"]] == [closed]
