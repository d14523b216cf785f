"""What it costs to look: lists of sessions, long sessions."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.client.session import Client
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig, Status, TurnOutcome, Usage
from jidoka.contract.errors import TimedOut, Unavailable
from jidoka.core.ports import Draft, Head
from tests.benchmarks.results import Figure, p50

LISTED = 1_000
LONG = 10_000


async def _fill(
    log: NatsEventLog, session_id: str, count: int, first: int = 0, head: Head | None = None
) -> Head:
    created = e.SessionCreated(session_name="long", project_path="/", llm=LlmConfig())
    head = head or Head()
    for number in range(first, first + count):
        event = created if number == 0 else e.SessionTitled(title=f"title {number}")
        draft = Draft(event, f"{session_id}-{number}", "/bench")
        head = (await log.append(session_id, draft, head))[-1].head
    return head


async def _asleep(log: NatsEventLog, session_id: str) -> None:
    """Write a session that had one turn and sleeps."""
    said = e.MessageAccepted(message_id="m", content="Why?")
    began = e.TurnStarted(turn_id="t", message_ids=("m",))
    spent = Usage(input_tokens=900, output_tokens=40)
    ended = e.TurnEnded(turn_id="t", outcome=TurnOutcome.COMPLETED, usage=spent, steps=1)
    asleep = e.SessionStatusChanged(status=Status.IDLE)
    head = await _fill(log, session_id, 1)
    for number, event in enumerate((said, began, ended, asleep), start=1):
        draft = Draft(event, f"{session_id}-{number}", "/bench")
        head = (await log.append(session_id, draft, head))[-1].head


async def _beside_each_other(log: NatsEventLog, burst: int) -> None:
    """Fill the long session in bursts, as turns come, with those of another one in between."""
    heads = {"long": Head(), "other": Head()}
    for first in range(0, LONG, burst):
        for session_id, head in heads.items():
            heads[session_id] = await _fill(log, session_id, burst, first, head)


async def test_listing_1000_sessions(nats_server, tmp_path, record):
    """Of sessions that sleep, as nearly all of a thousand do."""
    async with await connect(nats_server.url, name="bench") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        for number in range(LISTED):
            await _asleep(log, f"listed{number}")
    async with (
        _program("session_manager", nats_server.url, tmp_path / "home"),
        _program("coordinator", nats_server.url, tmp_path / "home"),
        await Client.connect(nats_server.url) as client,
    ):
        await _until_listed(client)

        times: list[float] = []
        for _ in range(20):
            began = time.perf_counter()
            await client.list_sessions(limit=LISTED)
            times.append((time.perf_counter() - began) * 1e3)

    record.append(Figure("session list of 1,000 sessions, p50", p50(times), "ms", 20))


async def _until_listed(client: Client) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable, TimedOut):
                if len(await client.list_sessions(limit=LISTED)) == LISTED:
                    return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _program(name: str, nats_url: str, home: Path) -> AsyncGenerator[None]:
    environment = {**os.environ, "JIDOKA_NATS_URL": nats_url, "JIDOKA_HOME": str(home)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"jidoka.{name}", env=environment
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_opening_a_follower_on_a_long_session(nats_server, record):
    async with await connect(nats_server.url, name="bench") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        await _fill(log, "short", 100)
        await _beside_each_other(log, burst=20)

    times: dict[str, float] = {}
    async with await Client.connect(nats_server.url) as client:
        for session_id, last in (("short", 100), ("long", LONG)):
            runs = [await _last_fifty(client, session_id, last) for _ in range(7)]
            times[session_id] = p50(runs)
        whole = [await _all(client, "long", LONG) for _ in range(3)]

    record += [
        Figure("last 50 of a session of 10,000 events, p50", times["long"], "ms", 50),
        Figure("t(10k) / t(100), last 50 events", times["long"] / times["short"], "times", 1.3),
        Figure("all 10,000 events of a session, p50", p50(whole), "ms"),
    ]


async def _last_fifty(client: Client, session_id: str, last: int) -> float:
    return await _timed(client, session_id, last - 50, 50)


async def _all(client: Client, session_id: str, last: int) -> float:
    return await _timed(client, session_id, 0, last)


async def _timed(client: Client, session_id: str, after: int, count: int) -> float:
    began = time.perf_counter()
    async with aclosing(client.subscribe_to_session(session_id, after, live=False)) as items:
        async for _ in items:
            count -= 1
            if count == 0:
                break
    return (time.perf_counter() - began) * 1e3
