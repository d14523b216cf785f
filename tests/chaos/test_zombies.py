"""Workers are frozen until they are replaced, and woken while their successors may not begin yet.

What a zombie says then is what it believed before. The wire keeps it from hearing anything until
it has spoken, and keeps the host from ending it, so that it has to end by itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import pytest

from tests.benchmarks.results import p50, p95
from tests.chaos.load import scale, soon
from tests.chaos.model import steps, stream_of
from tests.chaos.stage import Place, Stage, running_stage
from tests.chaos.test_kill_points import COMMAND, has_run
from tests.support.home import processes_with

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

DONE, RUNNING, STREAMING, ASLEEP = "its command done", "its command running", "streaming", "asleep"
KINDS = (DONE, RUNNING, STREAMING, ASLEEP)
"""What a worker was at when it froze; the last is not woken before it is ended by its host."""
SPEAK_S = 2.0
"""How long a woken worker is kept from hearing while it says nothing."""
LEAVE_S = 8.0
REMAINS_S = 4.0
PLACES = scale(4, 23)
"""Sessions at once; not a multiple of the kinds where there is more than one round."""


@dataclass
class Zombies:
    """What was counted."""

    frozen: Counter[str] = field(default_factory=Counter)
    wrote: int = 0
    left: int = 0
    remains: list[str] = field(default_factory=list)
    replaced_s: list[float] = field(default_factory=list)
    """From the freeze to the assignment of the next worker."""


async def freeze(stage: Stage, place: Place, number: int, kind: str) -> int:
    """Begin a turn and freeze its worker in the middle; return its pid."""
    session_id, stopped = place.session_id, asyncio.get_running_loop().create_future()

    async def stop() -> None:
        pid = stage.wire.pids[session_id]
        os.kill(pid, signal.SIGSTOP)
        stage.history.died(session_id)
        stopped.set_result(pid)

    # only here would a command that has not begun yet be begun by a worker that wakes
    stage.model.sleeps_s[number] = f"86400.{os.getpid()}{number}" if kind == RUNNING else "0.3"
    if kind == STREAMING:
        half = len(stream_of(steps(number)[COMMAND])) // 2
        stage.model.stops[number, COMMAND] = (half, stop)
    await stage.say(place, f"point-{number}.")
    if kind != STREAMING:
        await soon(lambda: has_run(place.folder, number))
        await stop()
    return await stopped


async def wake(stage: Stage, place: Place, pid: int, zombies: Zombies, kind: str) -> None:
    """Let a replaced worker go on; return when it is gone, or has not left in its time."""
    link = stage.wire.links[place.session_id]
    before = len(link.said)
    link.hears.clear()
    os.kill(pid, signal.SIGCONT)
    with suppress(TimeoutError):
        await soon(lambda: len(link.said) > before, SPEAK_S if kind == DONE else 0.2)
    link.hears.set()
    with suppress(TimeoutError):
        await soon(lambda: not is_alive(pid), LEAVE_S)
    zombies.wrote += len(link.said) - before
    zombies.left += not is_alive(pid)


async def remains(number: int) -> list[str]:
    """Return what still runs of a frozen worker's command a moment after its worker is gone."""
    mark = f"86400.{os.getpid()}{number}"
    with suppress(TimeoutError):
        await soon(lambda: not processes_with(mark), REMAINS_S)
    return list(processes_with(mark).values())


def is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def haunt(stage: Stage, place: Place, number: int, zombies: Zombies) -> None:
    """Take one turn whose worker freezes, is replaced, wakes and finds itself replaced."""
    kind = KINDS[number % len(KINDS)]
    session_id, history = place.session_id, stage.history
    pid = await freeze(stage, place, number, kind)
    frozen_s = time.monotonic()
    may_start = stage.wire.starts[session_id] = asyncio.Event()
    if kind == ASLEEP:
        may_start.set()
    assigned = history.count(session_id, "worker.assigned")
    replaced = await history.until_count(session_id, "worker.assigned", assigned + 1)
    zombies.replaced_s.append(replaced.at_s - frozen_s)
    zombies.frozen[kind] += 1
    if kind != ASLEEP:
        history.forget_deaths(session_id)  # it is kept waiting here, so it is not measured
        await wake(stage, place, pid, zombies, kind)
    if kind == RUNNING:
        zombies.remains += await remains(number)
    may_start.set()
    await stage.ended(place)


async def test_replaced_workers_that_wake_write_nothing_and_leave(tmp_path, count):
    zombies, rounds = Zombies(), scale(1, 6)

    async def lane(stage: Stage, first: int) -> None:
        place = await stage.open()
        for number in range(rounds):
            await haunt(stage, place, first + number * PLACES, zombies)

    async with running_stage(tmp_path / "home") as stage:
        async with asyncio.TaskGroup() as lanes:
            for number in range(PLACES):
                lanes.create_task(lane(stage, number))
        findings = await stage.findings()

    stale = [line for line in findings.broken if "is of epoch" in line]
    woken = zombies.frozen.total() - zombies.frozen[ASLEEP]
    kinds = ", ".join(f"{kind} {times}" for kind, times in sorted(zombies.frozen.items()))
    waits_s = stage.history.waits_s
    count.append(f"zombies: {zombies.frozen.total()} workers frozen ({kinds})")
    count.append(
        f"  woken {woken}, left by themselves {zombies.left} | late writes tried {zombies.wrote}, "
        f"stored {len(stale)} | processes left {len(zombies.remains)} | "
        f"broken promises {len(findings.broken)}"
    )
    count.append(
        f"  next worker assigned after: p50 {p50(zombies.replaced_s):.1f} s, p95 "
        f"{p95(zombies.replaced_s):.1f} s; it went on after: p50 {p50(waits_s):.1f} s, "
        f"p95 {p95(waits_s):.1f} s"
    )
    assert findings.broken == []
    assert zombies.remains == []
    assert zombies.left == woken
    assert zombies.wrote >= zombies.frozen[DONE]
    assert stage.model.asked_again == 0
