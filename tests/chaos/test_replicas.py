"""Two of each program: whichever is killed under load, the other goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.chaos.fleet import Fleet, running_fleet
from tests.chaos.load import in_the_whole_run, scale
from tests.chaos.outcome import report, under_load
from tests.support.nats import NatsServer

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_200)]

REPLICATED = ("session-manager", "coordinator", "llm-gateway")
PAIRS = [(program, f"{program}-{n}") for program in REPLICATED for n in (1, 2)]
SESSIONS = 3


async def test_one_of_two_replicas_is_killed_under_load(
    durable_nats: NatsServer, tmp_path: Path, count: list[str]
):
    starts = [*PAIRS, ("agent-host", "host-1")]
    chance = random.Random(3)  # noqa: S311 - repeatable, no secret
    rounds = scale(1, 20)
    async with running_fleet(tmp_path / "fleet", durable_nats.url, starts) as (fleet, load):
        await load.open(SESSIONS)

        async def kill() -> int:
            for _ in range(rounds):
                for program, name in PAIRS[::2] if chance.random() < 0.5 else PAIRS[1::2]:
                    await asyncio.sleep(chance.uniform(0.5, 1.5))
                    await asyncio.to_thread(fleet.kill, name)
                    await asyncio.sleep(chance.uniform(0.5, 1.5))
                    fleet.start(program, name)
            return rounds * len(REPLICATED)

        killed = await under_load(load, kill)
        findings = await load.findings()

    report(count, "one of two replicas killed", killed, load, findings)
    assert findings.broken == []
    assert sum(talk.said for talk in load.talks) > killed


@in_the_whole_run
async def test_the_standby_takes_over_when_the_leading_session_manager_is_killed(
    durable_nats: NatsServer, tmp_path: Path, count: list[str]
):
    starts = [*PAIRS[:2], PAIRS[2], PAIRS[4], ("agent-host", "host-1")]
    waits: list[float] = []
    async with running_fleet(tmp_path / "fleet", durable_nats.url, starts) as (fleet, load):
        await load.open(1)

        async def kill_the_leader() -> int:
            for _ in range(scale(2, 10)):
                leads = next(p for p in PAIRS[:2] if p[1] in fleet.running and _leads(fleet, p[1]))
                began = asyncio.get_running_loop().time()
                await asyncio.to_thread(fleet.kill, leads[1])
                await load.open(1)
                waits.append(asyncio.get_running_loop().time() - began)
                fleet.start(*leads)
                await asyncio.sleep(1.0)
            return len(waits)

        killed = await under_load(load, kill_the_leader)
        findings = await load.findings()

    report(count, "leading session-manager killed", killed, load, findings)
    count.append(f"a new session after the leader's death: at most {max(waits):.1f} s")
    assert findings.broken == []


def _leads(fleet: Fleet, name: str) -> bool:
    """Tell whether a session-manager leads, by what it has said since it was started."""
    return '"leading"' in fleet.said(name)
