"""What the log costs: appends, opening a follower, replays, deltas.

The broker syncs before it acknowledges, as the embedded one does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.live import NatsLive
from jidoka.contract import subjects
from jidoka.contract.live import Delta
from jidoka.core.ports import Head
from tests.benchmarks.results import Figure
from tests.support.drafts import a_draft

TEXT = "x" * 300
SESSION = "s-bench"


@pytest.fixture
async def bus(durable_nats) -> AsyncGenerator[Bus]:
    async with await connect(durable_nats.url, name="bench") as bus:
        await ensure(bus)
        yield bus


async def fill(log: NatsEventLog, count: int) -> list[Head]:
    heads = [Head()]
    for _ in range(count):
        heads.append((await log.append(SESSION, a_draft(TEXT), heads[-1]))[-1].head)
    return heads


async def test_appends_one_after_the_other(bus, record):
    log, head, took = NatsEventLog(bus), Head(), []
    for _ in range(500):
        draft, began = a_draft(TEXT), time.perf_counter()
        head = (await log.append(SESSION, draft, head))[-1].head
        took.append((time.perf_counter() - began) * 1e3)

    cuts = statistics.quantiles(took, n=100)
    record += [Figure("append, p50", cuts[49], "ms"), Figure("append, p99", cuts[98], "ms")]


async def test_opening_a_follower_and_its_first_event(bus, record):
    log = NatsEventLog(bus)
    heads = await fill(log, 1_000)

    took = []
    for _ in range(100):
        began = time.perf_counter()
        async with aclosing(log.follow(SESSION, heads[-2])) as entries:
            await anext(entries)
        took.append((time.perf_counter() - began) * 1e3)

    record.append(Figure("follower opened, first event there, p50", statistics.median(took), "ms"))


@pytest.mark.parametrize("count", [1_000, 10_000])
async def test_replays_of_a_whole_session(bus, record, count):
    log = NatsEventLog(bus)
    await fill(log, count)

    took, used, raw = [], [], []
    for _ in range(5):
        began, cpu = time.perf_counter(), time.process_time()
        assert sum([1 async for _ in log.read(SESSION)]) == count
        took.append((time.perf_counter() - began) * 1e3)
        used.append((time.process_time() - cpu) * 1e3)
        raw.append(await raw_replay(log, count))

    record += [
        Figure(f"replay of {count} events", statistics.median(took), "ms"),
        Figure(f"replay of {count} events, CPU", statistics.median(used), "ms"),
        Figure(f"replay of {count} events, not decoded", statistics.median(raw), "ms"),
    ]


async def raw_replay(log: NatsEventLog, count: int) -> float:
    began, seen = time.perf_counter(), 0
    async with aclosing(log.follow_raw(0, subjects.session_events(SESSION))) as messages:
        async for _ in messages:
            seen += 1
            if seen == count:
                break
    return (time.perf_counter() - began) * 1e3


async def test_publishing_deltas(bus, record):
    live, count = NatsLive(bus, source="/jidoka/bench/1"), 2_000
    began = time.process_time()
    for number in range(count):
        delta = Delta(turn_id="t", call_id="c", offset=number, text="word ")
        await live.publish(SESSION, "text", delta, 1)

    record.append(Figure("a delta, CPU", (time.process_time() - began) / count * 1e6, "us"))
