"""Real workers, forked by a real zygote, on a real broker."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract import events as e
from jidoka.contract.content import Status
from jidoka.contract.errors import Unavailable
from jidoka.contract.internal import WorkerStart, WorkerStop
from jidoka.contract.subjects import WORKER_READY
from tests.support.agent import SESSION, Bench, ScriptedAnswers
from tests.support.worker_host import TestHost, running_host


@pytest.fixture
async def host(nats_url: str, bus: Bus) -> AsyncGenerator[TestHost]:
    async with running_host(nats_url) as host:
        yield host


@pytest.fixture
async def ready(bus: Bus) -> asyncio.Queue[bytes]:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message) -> None:
        await heard.put(message.data)
        await bus.publish(message.reply, b"{}")

    await bus.subscribe(WORKER_READY, hear)
    await bus.barrier()
    return heard


async def opened(bus: Bus, root: Path, epoch: int = 1) -> tuple[Bench, WorkerStart]:
    bench = Bench(NatsEventLog(bus), root, ScriptedAnswers([]))
    await bench.open()
    await bench.write(e.WorkerAssigned(host="test", epoch=epoch))
    start = WorkerStart(session_id=SESSION, epoch=epoch, project_path=str(root))
    return bench, start


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_worker_takes_up_the_message_and_says_that_it_lives(bus, host, ready, tmp_path):
    bench, start = await opened(bus, tmp_path)

    state = await host.workers.start(start)

    heard = await asyncio.wait_for(ready.get(), 20)
    assert f'"pid":{state.pid}'.encode() in heard
    requested = (await bench.until(e.LlmRequested)).envelope
    assert requested.epoch == 1
    assert alive(state.pid)


async def test_asked_twice_for_the_same_epoch_there_is_one_worker(bus, host, ready, tmp_path):
    _bench, start = await opened(bus, tmp_path)

    first = await host.workers.start(start)
    second = await host.workers.start(start)

    assert first == second


async def test_a_killed_worker_is_reported_with_its_signal(bus, host, ready, tmp_path):
    _bench, start = await opened(bus, tmp_path)
    state = await host.workers.start(start)

    os.kill(state.pid, signal.SIGKILL)

    exited = await asyncio.wait_for(host.exits.get(), 20)
    assert (exited.session_id, exited.epoch, exited.signal) == (SESSION, 1, 9)
    assert len(host.workers) == 0


async def test_a_worker_that_is_not_needed_leaves_by_itself_with_code_0(bus, host, ready, tmp_path):
    bench, start = await opened(bus, tmp_path)
    await host.workers.start(start)
    await bench.until(e.LlmRequested)

    await bench.write(e.SessionStatusChanged(status=Status.CLOSED))

    exited = await asyncio.wait_for(host.exits.get(), 20)
    assert (exited.exit_code, exited.signal) == (0, None)


async def test_a_newer_epoch_ends_the_old_process_before_the_new_one_runs(
    bus, host, ready, tmp_path
):
    bench, start = await opened(bus, tmp_path)
    old = await host.workers.start(start)
    os.kill(old.pid, signal.SIGSTOP)
    await bench.write(e.WorkerAssigned(host="test", epoch=2))

    new = await host.workers.start(start.model_copy(update={"epoch": 2}))

    assert not alive(old.pid)
    assert alive(new.pid)
    assert new.pid != old.pid


async def test_workers_outlive_their_zygote_and_their_end_is_still_seen(bus, host, ready, tmp_path):
    _bench, start = await opened(bus, tmp_path)
    state = await host.workers.start(start)
    await asyncio.wait_for(ready.get(), 20)

    os.kill(host.workers.zygote.pid, signal.SIGKILL)
    while host.workers.zygote.pid is not None:  # noqa: ASYNC110 - a process ends
        await asyncio.sleep(0.01)
    survived = alive(state.pid)
    os.kill(state.pid, signal.SIGKILL)

    exited = await asyncio.wait_for(host.exits.get(), 20)
    assert survived
    assert exited.signal == 9


async def test_after_the_zygote_died_the_next_worker_comes_from_a_new_one(
    bus, host, ready, tmp_path
):
    _bench, start = await opened(bus, tmp_path)
    os.kill(host.workers.zygote.pid, signal.SIGKILL)
    while host.workers.zygote.pid is not None:  # noqa: ASYNC110 - a process ends
        await asyncio.sleep(0.01)

    state = await host.workers.start(start)

    assert alive(state.pid)


async def test_stopping_asks_first_and_then_ends_the_worker(bus, host, ready, tmp_path):
    _bench, start = await opened(bus, tmp_path)
    state = await host.workers.start(start)
    await asyncio.wait_for(ready.get(), 20)

    await host.workers.stop(WorkerStop(session_id=SESSION, epoch=1, grace_s=10))

    exited = await asyncio.wait_for(host.exits.get(), 20)
    assert not alive(state.pid)
    assert (exited.exit_code, exited.signal) == (0, None)


async def test_no_process_of_a_killed_worker_is_left(bus, host, ready, tmp_path):
    bench, start = await opened(bus, tmp_path)
    state = await host.workers.start(start)
    await bench.until(e.LlmRequested)
    group = os.getsid(state.pid)

    os.kill(state.pid, signal.SIGKILL)
    await asyncio.wait_for(host.exits.get(), 20)

    left = [p for p in Path("/proc").iterdir() if p.name.isdecimal() and session_of(p) == group]
    assert left == []


def session_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return 0


async def test_a_worker_that_is_gone_before_it_is_watched_costs_nobody_else(
    bus: Bus, host: TestHost, tmp_path: Path
):
    _, start = await opened(bus, tmp_path)
    fork = host.workers.zygote.start_worker

    async def fork_and_kill(start: WorkerStart, lifeline: socket.socket) -> int:
        pid = await fork(start, lifeline)
        os.kill(pid, signal.SIGKILL)
        for _ in range(2_000):
            if not alive(pid):
                break
            await asyncio.sleep(0.005)
        return pid

    host.workers.zygote.start_worker = fork_and_kill
    with pytest.raises(Unavailable):
        await host.workers.start(start)
    host.workers.zygote.start_worker = fork

    assert (await host.workers.start(start)).pid
