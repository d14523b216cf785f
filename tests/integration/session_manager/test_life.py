"""Closing, resuming, terminating, resting and waking: what the log says of a session's life."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract import events as e
from jidoka.contract.content import Status, TurnOutcome
from jidoka.contract.errors import (
    InvalidTransition,
    ProjectAlreadyOpen,
    ProjectNotFound,
    SessionLimitReached,
    SessionTerminated,
)
from jidoka.contract.events import SessionStatusChanged
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, said, settle

CLOSE = e.SessionCloseRequested(reason="done")
TERMINATE = e.SessionTerminationRequested(reason="away with it")
MESSAGE = e.MessageAccepted(message_id="m1", content="hello")


async def live(bus: Bus, project: Path, **more: object) -> str:
    """Return a new session whose worker lives."""
    made = await create(bus, project, **more)
    await events_until(bus, made["session_id"], "active")
    return made["session_id"]


async def test_a_closed_session_frees_place_and_folder_and_comes_back_as_idle(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, session_limit=1):
        first = await live(bus, tmp_path / "p")
        await record(bus, first, CLOSE)
        settled = await settle(bus, first)
        second = await live(bus, tmp_path / "p")
        with pytest.raises(ProjectAlreadyOpen):
            await ask(bus, "session.resume", {"session_id": first})
        await record(bus, second, CLOSE)
        await settle(bus, second)
        resumed = await ask(bus, "session.resume", {"session_id": first})
        events = await events_until(bus, first, "idle")

    assert settled
    assert host.workers == {}
    assert resumed["status"] == "idle"
    assert events[-3:] == ["session.close_requested", "closed", "idle"]


async def test_resume_minds_the_limit_and_the_folder(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, session_limit=1):
        first = await live(bus, tmp_path / "p")
        await record(bus, first, CLOSE)
        await settle(bus, first)
        other = await live(bus, tmp_path / "q")
        with pytest.raises(SessionLimitReached):
            await ask(bus, "session.resume", {"session_id": first})
        await record(bus, other, CLOSE)
        await settle(bus, other)
        shutil.rmtree(tmp_path / "p")

        with pytest.raises(ProjectNotFound):
            await ask(bus, "session.resume", {"session_id": first})


async def test_resuming_an_open_session_is_refused_and_changes_nothing(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = await live(bus, tmp_path / "p")
        before = await NatsEventLog(bus).last(session)

        with pytest.raises(InvalidTransition, match="it is open") as refused:
            await ask(bus, "session.resume", {"session_id": session})

        after = await NatsEventLog(bus).last(session)
    assert refused.value.status == "active"
    assert after == before


async def test_the_same_resume_again_answers_the_same_and_another_one_is_refused(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = await live(bus, tmp_path / "p")
        await record(bus, session, CLOSE)
        resume = {"session_id": session}
        first, at_once = await asyncio.gather(
            *(ask(bus, "session.resume", resume, command_id="once") for _ in range(2))
        )
    async with leading(bus, nats_url, home):
        again = await ask(bus, "session.resume", resume, command_id="once")
        with pytest.raises(InvalidTransition):
            await ask(bus, "session.resume", resume, command_id="another")
        events = await events_until(bus, session, "idle")

    assert [each["status"] for each in (first, at_once, again)] == ["idle"] * 3
    assert events.count("idle") == 1


async def test_a_terminated_session_ends_with_its_totals_and_its_worker_is_gone(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = await live(bus, tmp_path / "p")
        await record(bus, session, TERMINATE)
        settled = await settle(bus, session)
        again = await settle(bus, session)
        events = await events_until(bus, session, "session.terminated")
        with pytest.raises(SessionTerminated):
            await ask(bus, "session.resume", {"session_id": session})
        info = await ask(bus, "session.get", {"session_id": session})

    assert (settled, again) == (True, True)
    assert events[-3:] == ["terminating", "terminated", "session.terminated"]
    assert host.workers == {}
    assert info["status"] == "terminated"


async def test_a_running_turn_has_its_grace_before_the_worker_is_ended(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    ended = e.TurnEnded(turn_id="t", outcome=TurnOutcome.CANCELLED)
    async with leading(bus, nats_url, home):
        session = await live(bus, tmp_path / "p")
        await record(bus, session, e.TurnStarted(turn_id="t", message_ids=()))
        await record(bus, session, TERMINATE)
        await events_until(bus, session, "terminating")
        stopped_before = list(host.stopped)
        await record(bus, session, ended)
        events = await events_until(bus, session, "session.terminated")

    assert stopped_before == []
    assert events[-4:] == ["terminating", "turn.ended", "terminated", "session.terminated"]


async def test_a_turn_that_does_not_end_is_ended_after_the_grace(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, grace_s=0.2):
        session = await live(bus, tmp_path / "p")
        await record(bus, session, e.TurnStarted(turn_id="t", message_ids=()))
        await record(bus, session, TERMINATE)
        events = await events_until(bus, session, "session.terminated")

    assert events[-2:] == ["terminated", "session.terminated"]
    assert [stop.session_id for stop in host.stopped] == [session]


async def test_a_quiet_session_rests_and_a_message_wakes_it(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, idle_s=0.2):
        session = await live(bus, tmp_path / "p")
        resting = await events_until(bus, session, "idle")
        await host.leave(session)
        await record(bus, session, MESSAGE)
        events = await events_until(bus, session, "worker.assigned 2")

    assert resting[-1] == "idle"
    assert events[-3:] == ["message.accepted", "active", "worker.assigned 2"]
    assert "worker.lost 1" not in events


async def test_a_session_with_a_message_does_not_rest(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, idle_s=0.1):
        busy = (await create(bus, tmp_path / "busy"))["session_id"]
        told = (await record(bus, busy, MESSAGE)).head  # it may have come to rest before
        await awake_after(NatsEventLog(bus), busy, told.cursor)
        quiet = (await create(bus, tmp_path / "quiet"))["session_id"]

        await events_until(bus, quiet, "idle")
        info = await ask(bus, "session.get", {"session_id": busy})
        since = [said(entry) async for entry in NatsEventLog(bus).read(busy, told)]

    assert info["status"] == "active"
    assert "idle" not in since


async def test_messages_and_rest_race_and_the_message_always_finds_a_worker(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    """Each round a message arrives just as the session goes to rest; either order must do."""
    log = NatsEventLog(bus)
    async with leading(bus, nats_url, home, idle_s=0.03):
        session = await live(bus, tmp_path / "p")
        for number in range(15):
            await asyncio.sleep(0.02 + 0.001 * number)
            message = e.MessageAccepted(message_id=f"m{number}", content="x")
            turn = e.TurnStarted(turn_id=f"t{number}", message_ids=(f"m{number}",))
            ended = e.TurnEnded(turn_id=f"t{number}", outcome=TurnOutcome.COMPLETED)
            cursor = (await record(bus, session, message)).head.cursor
            await awake_after(log, session, cursor)
            for event in (turn, ended):
                await record(bus, session, event)


async def awake_after(log: NatsEventLog, session: str, cursor: int) -> None:
    """Return when the session is active at or after a stream sequence."""
    status = None
    async for entry in log.follow(session):
        if isinstance(entry.event, SessionStatusChanged):
            status = entry.event.status
        if entry.head.cursor >= cursor and status is Status.ACTIVE:
            return
