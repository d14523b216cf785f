"""Adding to a log that others write to as well: fold what is new, decide again."""

from __future__ import annotations

import itertools

import pytest

from jidoka.bus.memory import MemoryEventLog
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig, Status
from jidoka.contract.errors import SessionNotFound, Unavailable
from jidoka.core.ports import Draft
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.sessions import Sessions

CREATED = e.SessionCreated(session_name="x", project_path="/p", llm=LlmConfig())
MESSAGE = e.MessageAccepted(message_id="m1", content="hello")
RESTING = e.SessionStatusChanged(status=Status.IDLE, reason="idle_timeout")


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog()


@pytest.fixture
def sessions(log: MemoryEventLog) -> Sessions:
    numbers = itertools.count(1)
    return Sessions(log, "/tests", lambda: f"id-{next(numbers)}")


def rest_unless_busy(row: SessionRow) -> e.Event | None:
    return None if row.is_busy else RESTING


async def test_a_message_that_was_first_keeps_the_session_awake(
    log: MemoryEventLog, sessions: Sessions
):
    row = await sessions.create("s1", CREATED, "c1")
    await log.append("s1", Draft(MESSAGE, "other-1", "/others"), row.head)

    after = await sessions.record("s1", rest_unless_busy)

    assert (after.status, after.inbox) == ("initializing", ("m1",))
    assert [entry.event.name async for entry in log.read("s1")] == [
        "session.created",
        "message.accepted",
    ]


async def test_a_decision_that_still_holds_is_recorded_behind_what_was_first(
    log: MemoryEventLog, sessions: Sessions
):
    row = await sessions.create("s1", CREATED, "c1")
    renamed = e.SessionRenamed(session_name="y")
    await log.append("s1", Draft(renamed, "other-1", "/others"), row.head)

    after = await sessions.record("s1", rest_unless_busy)

    assert (after.status, after.name, after.sequence) == ("idle", "y", 3)


async def test_a_session_is_created_once_whoever_else_created_it(
    log: MemoryEventLog, sessions: Sessions
):
    another = Sessions(log, "/tests/another", lambda: "another-id")
    first = await another.create("s1", CREATED, "c1")

    second = await sessions.create("s1", CREATED, "c1")

    assert second == first


async def test_entries_of_the_stream_come_twice_and_count_once(
    log: MemoryEventLog, sessions: Sessions
):
    await sessions.create("s1", CREATED, "c1")
    await sessions.record("s1", rest_unless_busy)
    before = sessions.row("s1")
    entries = [entry async for entry in log.read("s1")]

    for entry in entries * 2:
        sessions.follow("s1", entry)

    assert sessions.row("s1") is before


async def test_a_session_that_has_ended_is_forgotten_once_the_stream_has_passed_it(
    log: MemoryEventLog, sessions: Sessions
):
    await sessions.create("s1", CREATED, "c1")
    await sessions.record("s1", lambda _: e.SessionTerminated(reason="x"))
    ended = dict(sessions.rows)
    for entry in [entry async for entry in log.read("s1")]:
        sessions.follow("s1", entry)

    assert set(ended) == {"s1"}
    assert sessions.rows == {}
    with pytest.raises(SessionNotFound):
        await sessions.record("s1", rest_unless_busy)


async def test_who_leads_no_more_records_nothing(log: MemoryEventLog):
    led = [True]
    sessions = Sessions(log, "/tests", lambda: "id-1", lambda: led[0])
    led[0] = False

    with pytest.raises(Unavailable):
        await sessions.create("s1", CREATED, "c1")

    assert await log.last("s1") is None
