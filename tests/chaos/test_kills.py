"""Kill workers and programs under load: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psutil
import pytest

from jidoka.contract import events as e
from tests.benchmarks.results import p50, p95
from tests.chaos.load import Load, scale

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3_000)]

PROGRAMS = ("session-manager", "coordinator", "agent-host", "llm-gateway", "nats-server")


async def under_load(load: Load, breaking: Callable[[], Awaitable[int]]) -> int:
    """Talk in all sessions while `breaking` runs; return what it counted."""
    talking = asyncio.create_task(load.run())
    try:
        broken = await breaking()
    finally:
        load.stopping = True
        await talking
    return broken


def report(count: list[str], what: str, broken: int, load: Load, findings) -> None:
    said = sum(talk.said for talk in load.talks)
    ran = sum(len(talk.effects) for talk in load.talks)
    twice = ran - sum(len(set(talk.effects)) for talk in load.talks)
    interrupted = findings.count("tool.interrupted")
    count.append(
        f"{what}: {broken} | turns {said} | commands run {ran}, twice {twice}, "
        f"interrupted {interrupted} | broken promises {len(findings.broken)}"
    )


async def test_workers_are_killed_at_random_moments_of_their_turns(load, count):
    await load.open(8)
    kills = scale(40, 1_000)
    chance = random.Random(7)  # noqa: S311 - repeatable, no secret

    async def kill() -> int:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.02, 0.12))
            workers = await asyncio.to_thread(load.stack.workers)
            if workers:
                with suppress(psutil.NoSuchProcess):
                    chance.choice(workers).kill()
        return kills

    killed = await under_load(load, kill)

    findings = await load.findings()
    report(count, "workers killed", killed, load, findings)
    assert findings.broken == []
    assert findings.count("worker.lost") > kills / 3


async def test_programs_are_killed_under_load(load, count):
    await load.open(6)
    kills = scale(10, 500)
    chance = random.Random(11)  # noqa: S311

    async def kill() -> int:
        for number in range(kills):
            await asyncio.sleep(chance.uniform(0.3, 1.2))
            load.stack.refresh()
            with suppress(psutil.NoSuchProcess):
                load.stack.processes()[PROGRAMS[number % len(PROGRAMS)]].kill()
            await asyncio.sleep(1.0)
        return kills

    killed = await under_load(load, kill)

    findings = await load.findings()
    report(count, "programs killed", killed, load, findings)
    assert findings.broken == []


async def test_a_turn_goes_on_soon_after_its_worker_died(load, count):
    await load.open(1)
    talk = load.talks[0]
    waits: list[float] = []
    for number in range(1, scale(5, 30) + 1):
        talk.said = number
        await load.stack.client.send_message(talk.session_id, f"message-{number}.")
        await asyncio.sleep(0.05)
        for worker in load.stack.workers():
            worker.kill()
        died = time.monotonic()
        await load.stack.until(talk.session_id, e.TurnEnded, number)
        waits.append(time.monotonic() - died)

    count.append(
        f"turn ended after its worker's death: p50 {p50(waits):.2f} s, p95 {p95(waits):.2f} s"
    )
    assert (await load.findings()).broken == []


async def test_frozen_workers_are_replaced_and_write_nothing_when_they_wake(load, count):
    await load.open(scale(5, 20))
    frozen = 0

    async def freeze() -> int:
        nonlocal frozen
        for _ in range(scale(1, 5)):
            await asyncio.sleep(0.5)
            stopped = await asyncio.to_thread(load.stack.workers)
            for worker in stopped:
                worker.suspend()
            frozen += len(stopped)
            await _replaced(stopped)
        return frozen

    async def _replaced(stopped: list[psutil.Process]) -> None:
        """Wake each as soon as its successor is there, or see it gone."""
        async with asyncio.timeout(60):
            left = {worker.pid for worker in stopped}
            while left:
                await asyncio.sleep(0.05)
                now = {worker.pid for worker in await asyncio.to_thread(load.stack.workers)}
                left &= now
                for pid in left if len(now) > len(left) else ():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)

    counted = await under_load(load, freeze)

    findings = await load.findings()
    report(count, "workers frozen", counted, load, findings)
    assert findings.broken == []
