"""A cluster of three brokers whose leader is killed under load: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jidoka.bus.storage_limits import limits_of
from tests.chaos.fleet import running_fleet
from tests.chaos.load import scale
from tests.chaos.outcome import report, under_load
from tests.support.nats_cluster import running_cluster

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1_800),
    # nats-py leaves the writers of servers that are gone unclosed
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PROGRAMS = [(n, n) for n in ("session-manager", "coordinator", "llm-gateway", "agent-host")]
SESSIONS = 3


async def test_the_leader_of_the_log_is_killed_and_comes_back_under_load(
    tmp_path: Path, count: list[str]
):
    with running_cluster(tmp_path / "nats") as cluster:
        await cluster.ready()
        settings: dict[str, Any] = {"limits": limits_of(None, replicas=3), "JIDOKA_REPLICAS": "3"}
        async with running_fleet(tmp_path / "fleet", cluster.url, PROGRAMS, **settings) as (
            _,
            load,
        ):
            await load.open(SESSIONS)

            async def kill_the_leader() -> int:
                kills = scale(1, 20)
                for _ in range(kills):
                    await asyncio.sleep(2.0)
                    leader = await cluster.leader()
                    leader.kill()
                    await cluster.leader()
                    await asyncio.sleep(1.0)
                    await asyncio.to_thread(leader.start)
                    await cluster.whole()
                return kills

            killed = await under_load(load, kill_the_leader)
            findings = await load.findings()

    report(count, "leaders of a cluster of three killed", killed, load, findings)
    assert findings.broken == []
    assert sum(talk.said for talk in load.talks) > 2 * killed
