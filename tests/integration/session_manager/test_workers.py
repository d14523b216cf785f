"""Workers die, hosts vanish, leaders change: each session goes on, and none is run twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, LlmConfig, Status
from jidoka.core.ports import Draft, Head
from tests.support.fake_host import FakeHost
from tests.support.manager import CLIENT, ask, create, events_until, leading, new_id, record, settle


async def test_a_killed_worker_is_replaced_under_a_new_epoch_recorded_first(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")
        await host.kill(session)
        events = await events_until(bus, session, "worker.assigned 2")
        await until(lambda: host.workers.get(session) is not None)

    assert events[-2:] == ["worker.lost 1", "worker.assigned 2"]
    assert [start.epoch for start in host.started] == [1, 2]


async def test_a_worker_that_keeps_dying_ends_its_session_with_the_reason(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    host.crashing = True
    async with leading(bus, nats_url, home, restart_limit=3):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        events = await events_until(bus, session, "session.terminated")
        info = await ask(bus, "session.get", {"session_id": session})

    assert sum(event.startswith("worker.lost") for event in events) == 4
    assert events[-2:] == ["terminated", "session.terminated"]
    assert info["error"]["code"] == "crash_limit"
    assert info["error"]["details"]["restarts"] == 3


async def test_a_worker_that_can_never_start_ends_its_session_with_the_error(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    host.refusal = ErrorInfo(code="sandbox_unavailable", message="none works here")
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        events = await events_until(bus, session, "session.terminated")
        info = await ask(bus, "session.get", {"session_id": session})

    # the first is recorded while its host is asked, so the refusal may come before it
    assert events.count("worker.assigned 1") <= 1
    assert "worker.assigned 2" not in events
    assert (info["status"], info["error"]["code"]) == ("terminated", "sandbox_unavailable")


async def test_without_a_host_a_session_waits_for_one(
    bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        before = await events_until(bus, session, "initializing")
        async with FakeHost(bus):
            after = await events_until(bus, session, "active")

    assert before == ["session.created", "initializing"]
    assert after[-2:] == ["worker.assigned 1", "active"]


async def test_over_the_places_of_a_host_a_session_waits_its_turn(
    bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    async with FakeHost(bus, capacity=1) as host, leading(bus, nats_url, home):
        first = (await create(bus, tmp_path / "p1"))["session_id"]
        await events_until(bus, first, "active")
        second = (await create(bus, tmp_path / "p2"))["session_id"]
        await events_until(bus, second, "initializing")
        alone = set(host.workers)
        await record(bus, first, e.SessionCloseRequested())
        await settle(bus, first)
        await host.beat()
        await events_until(bus, second, "active")

    assert alone == {first}
    assert set(host.workers) == {second}


async def test_the_sessions_of_a_vanished_host_go_to_another(
    bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        async with FakeHost(bus, "h1"):
            session = (await create(bus, tmp_path / "p"))["session_id"]
            await events_until(bus, session, "active")
        async with FakeHost(bus, "h2", pid=200) as other:
            events = await events_until(bus, session, "worker.assigned 2")
            await until(lambda: session in other.workers)

    assert events[-2:] == ["worker.lost 1", "worker.assigned 2"]


async def test_a_host_process_that_was_begun_anew_has_none_of_its_workers(
    bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        async with FakeHost(bus, "h1", pid=100):
            session = (await create(bus, tmp_path / "p"))["session_id"]
            await events_until(bus, session, "active")
        async with FakeHost(bus, "h1", pid=101) as anew:
            events = await events_until(bus, session, "worker.assigned 2")
            await until(lambda: session in anew.workers)

    assert events[-2:] == ["worker.lost 1", "worker.assigned 2"]


async def test_a_new_leader_adopts_the_workers_that_live(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")

    async with leading(bus, nats_url, home):
        pid = await pid_of(bus, session)
        listed = await ask(bus, "session.list", {})
        await record(bus, session, e.SessionCloseRequested())
        await settle(bus, session)

    assert pid == host.pid * 1000 + 1
    assert [start.epoch for start in host.started] == [1]
    assert [info["session_id"] for info in listed["sessions"]] == [session]


async def test_a_new_leader_replaces_a_worker_that_died_while_nobody_led(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        session = (await create(bus, tmp_path / "p"))["session_id"]
        await events_until(bus, session, "active")
    del host.workers[session]

    async with leading(bus, nats_url, home):
        events = await events_until(bus, session, "worker.assigned 2")

    assert events[-2:] == ["worker.lost 1", "worker.assigned 2"]


BIRTH: tuple[e.Event, ...] = (
    e.SessionCreated(session_name="x", project_path="/p", llm=LlmConfig()),
    e.SessionStatusChanged(status=Status.INITIALIZING, reason="created"),
    e.WorkerAssigned(host="h1", epoch=1, reason="created"),
    e.WorkerLost(epoch=1, host="h1", reason="exited"),
)


@pytest.mark.parametrize("recorded", range(1, len(BIRTH) + 1))
async def test_wherever_a_leader_died_the_next_one_finishes_what_it_began(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, recorded: int
):
    log, head = NatsEventLog(bus), Head()
    for event in BIRTH[:recorded]:
        head = (await log.append("s1", Draft(event, new_id(), CLIENT), head))[-1].head

    async with leading(bus, nats_url, home):
        events = await events_until(bus, "s1", "active")

    assert events[-1] == "active"
    assert len({start.epoch for start in host.started}) == len(host.started) == 1


@pytest.mark.parametrize(
    "recorded",
    [
        (e.SessionTerminationRequested(),),
        (e.SessionStatusChanged(status=Status.TERMINATING, reason="terminate_requested"),),
        (e.SessionStatusChanged(status=Status.TERMINATED, reason="terminate_requested"),),
    ],
)
async def test_wherever_a_leader_died_the_next_one_ends_what_was_to_end(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, recorded: tuple[e.Event, ...]
):
    log, head = NatsEventLog(bus), Head()
    for event in (*BIRTH[:2], *recorded):
        head = (await log.append("s1", Draft(event, new_id(), CLIENT), head))[-1].head

    async with leading(bus, nats_url, home):
        events = await events_until(bus, "s1", "session.terminated")

    assert events[-2:] == ["terminated", "session.terminated"]
    assert events.count("terminated") == 1
    assert host.started == []


async def pid_of(bus: Bus, session: str) -> int:
    """Return the pid of a session's worker, as soon as the leader knows it."""
    while True:
        info = await ask(bus, "session.get", {"session_id": session})
        if info.get("worker_pid") is not None:
            return info["worker_pid"]
        await asyncio.sleep(0.01)


async def until(done: Callable[[], bool]) -> None:
    """Return when `done()` holds."""
    while not done():  # noqa: ASYNC110 - what the fake host was told makes no event
        await asyncio.sleep(0.01)
