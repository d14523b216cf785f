"""Limits under a crowd: what is counted is counted exactly, whoever comes at the same moment."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from jidoka.bus.connection import Bus
from jidoka.contract import events as e
from jidoka.contract.errors import JidokaError, SessionLimitReached
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, settle

OPEN = {"initializing", "active", "idle", "terminating"}


async def test_creates_resumes_and_closes_at_once_never_open_more_than_the_limit(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    chance, limit = random.Random(5), 4  # noqa: S311 - repeatable, no secret
    async with leading(bus, nats_url, home, session_limit=limit):
        closed = [await a_closed_one(bus, tmp_path / f"c{number}") for number in range(8)]
        asked = [
            *(create(bus, tmp_path / f"p{number}") for number in range(20)),
            *(ask(bus, "session.resume", {"session_id": each}) for each in closed),
        ]
        chance.shuffle(asked)
        first = await asyncio.gather(*asked, return_exceptions=True)
        opened = await open_ones(bus)
        ends = [end(bus, session_id) for session_id in opened]
        more = [create(bus, tmp_path / f"m{number}") for number in range(20)]
        second = await asyncio.gather(*ends, *more, return_exceptions=True)
        left = await open_ones(bus)

    refused = [each for each in first if isinstance(each, SessionLimitReached)]
    assert len(opened) == limit
    assert len(refused) == len(first) - limit
    assert len(left) <= limit
    assert {type(each) for each in second if isinstance(each, JidokaError)} <= {SessionLimitReached}


async def test_no_host_gets_more_workers_than_it_has_places(
    bus: Bus, nats_url: str, home: Path, tmp_path: Path
):
    most = 0
    async with FakeHost(bus, capacity=3) as host, leading(bus, nats_url, home, session_limit=None):

        def counted(_: object) -> None:
            nonlocal most
            most = max(most, len(host.workers) + 1)

        host.on_start = counted
        made = await asyncio.gather(*(create(bus, tmp_path / f"p{n}") for n in range(12)))
        await until_live(host, 3)
        for _ in made[3:]:
            session_id = next(iter(host.workers))
            await end(bus, session_id)
            await until_live(host, 3)

    assert most == 3


async def test_twenty_sessions_that_are_too_old_end_once_each(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, session_limit=None, max_age_s=0.3, idle_s=0.1):
        made = await asyncio.gather(*(create(bus, tmp_path / f"p{n}") for n in range(20)))
        ids = [each["session_id"] for each in made]
        logs = [await events_until(bus, each, "session.terminated") for each in ids]

    counts = [Counter(names) for names in logs]
    assert all(count["terminating"] == count["terminated"] == 1 for count in counts)
    assert host.workers == {}


async def test_many_that_fall_quiet_together_all_rest_and_all_wake(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, session_limit=None, idle_s=0.2):
        made = await asyncio.gather(*(create(bus, tmp_path / f"p{n}") for n in range(20)))
        ids = [each["session_id"] for each in made]
        for each in ids:
            await events_until(bus, each, "idle")
        for each in ids:
            await record(bus, each, e.MessageAccepted(message_id="m", content="hello"))
        woken = [await events_until(bus, each, "worker.assigned 2") for each in ids]

    assert all(names.count("worker.assigned 2") == 1 for names in woken)


async def a_closed_one(bus: Bus, project: Path) -> str:
    session_id = (await create(bus, project))["session_id"]
    await events_until(bus, session_id, "active")
    await record(bus, session_id, e.SessionCloseRequested())
    await settle(bus, session_id)
    return session_id


async def end(bus: Bus, session_id: str) -> None:
    await record(bus, session_id, e.SessionTerminationRequested())
    await settle(bus, session_id)


async def open_ones(bus: Bus) -> list[str]:
    listed = (await ask(bus, "session.list", {}))["sessions"]
    return [info["session_id"] for info in listed if info["status"] in OPEN]


async def until_live(host: FakeHost, count: int) -> None:
    while True:
        if len(host.workers) == count:
            return
        await asyncio.sleep(0.01)
