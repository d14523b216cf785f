"""Kill workers and programs under load: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psutil
import pytest

from tests.chaos.load import Load, scale

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3_000)]

PROGRAMS = ("session-manager", "coordinator", "agent-host", "llm-gateway", "nats-server")
VICTIMS = (*PROGRAMS, "runtime", *PROGRAMS * 4)
"""In turn, and workers between any two."""
WORKERS = scale(1, 4)


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
    kills = scale(20, 400)
    chance = random.Random(7)  # noqa: S311 - repeatable, no secret

    async def kill() -> int:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.02, 0.12))
            await kill_one(load, "worker", chance)
        return kills

    killed = await under_load(load, kill)

    findings = await load.findings()
    report(count, "workers killed", killed, load, findings)
    assert findings.broken == []
    assert findings.count("worker.lost") > kills / 4


@pytest.mark.parametrize("part", range(scale(1, 5)))
async def test_whatever_is_killed_under_load_nothing_acknowledged_is_lost(load, count, part):
    await load.open(6)
    kills, killed = scale(12, 100), Counter()
    chance = random.Random(11 + part)  # noqa: S311

    async def kill() -> int:
        for number in range(kills):
            await asyncio.sleep(chance.uniform(0.2, 0.6))
            turn, rest = divmod(number, WORKERS + 1)
            name = "worker" if rest else VICTIMS[turn % len(VICTIMS)]
            killed[name] += await kill_one(load, name, chance)
            await asyncio.sleep(0.3)
        return killed.total()

    await under_load(load, kill)

    findings = await load.findings()
    kinds = ", ".join(f"{name} {times}" for name, times in sorted(killed.items()))
    report(count, "processes killed", killed.total(), load, findings)
    acknowledged = sum(len(talk.acknowledged) for talk in load.talks)
    count.append(f"  {kinds}")
    count.append(f"  messages acknowledged {acknowledged} in {load.sender.tries} tries")
    assert findings.broken == []
    assert killed.total() == kills


async def kill_one(load: Load, name: str, chance: random.Random) -> int:
    """Kill a process of that kind as soon as there is one; return 1."""
    while True:
        with suppress(psutil.NoSuchProcess, IndexError, KeyError):
            load.stack.refresh()
            await asyncio.to_thread(victim(load, name, chance).kill)
            break
        await asyncio.sleep(0.02)
    if name == "runtime":
        await load.stack.revive()
    return 1


def victim(load: Load, name: str, chance: random.Random) -> psutil.Process:
    if name == "worker":
        return chance.choice(load.stack.workers())
    pids = {each["name"]: each["pid"] for each in load.stack.state["programs"]}
    return psutil.Process(load.stack.state["pid"] if name == "runtime" else pids[name])
