"""What a cold start costs a home with many sessions, with its registry and without."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.client.session import Client
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig, Status, TextPart, TurnOutcome, Usage
from jidoka.contract.errors import TimedOut, Unavailable
from jidoka.core.ports import Draft, Head
from tests.benchmarks.results import Figure, p50
from tests.support.nats import running_nats
from tests.support.system import running_stack

SESSIONS = 1_000
EVENTS = 100
AT_ONCE = 32
RUNS = 3


def _session(number: int) -> Iterator[e.Event]:
    """Yield the events of a session that had nineteen turns and sleeps."""
    yield e.SessionCreated(
        session_name=f"session {number}", project_path=f"/projects/{number}", llm=LlmConfig()
    )
    yield e.SessionStatusChanged(status=Status.INITIALIZING)
    yield e.WorkerAssigned(host="long-gone", epoch=1)
    yield e.SessionStatusChanged(status=Status.ACTIVE)
    for nth in range((EVENTS - 5) // 5):
        yield from _turn(f"{number}-{nth}")
    yield e.SessionStatusChanged(status=Status.IDLE)


def _turn(turn: str) -> Iterator[e.Event]:
    said = (TextPart(text=f"question {turn}"),)
    spent = Usage(input_tokens=900, output_tokens=40)
    yield e.MessageAccepted(message_id=f"m{turn}", content=said)
    yield e.TurnStarted(turn_id=turn, message_ids=(f"m{turn}",))
    yield e.LlmRequested(turn_id=turn, call_id=f"c{turn}", step=1, model="openai/words-3")
    yield e.LlmResponded(
        turn_id=turn,
        call_id=f"c{turn}",
        step=1,
        content="an answer of some words",
        usage=spent,
        cost_usd=0.001,
        model="openai/words-3",
    )
    yield e.TurnEnded(turn_id=turn, outcome=TurnOutcome.COMPLETED, usage=spent, steps=1)


async def _fill(bus: Bus) -> int:
    """Write the sessions, several at a time, as they would have come; return how many events."""
    log, room = NatsEventLog(bus), asyncio.Semaphore(AT_ONCE)

    async def write(number: int) -> int:
        async with room:
            session_id, head = f"s{number:024d}", Head()
            for nth, event in enumerate(_session(number)):
                draft = Draft(event, f"{session_id}-{nth}", "/bench")
                head = (await log.append(session_id, draft, head))[-1].head
            return head.sequence

    return sum(await asyncio.gather(*(write(number) for number in range(SESSIONS))))


async def _start(home: Path) -> tuple[float, list[dict]]:
    """Return how long until all sessions are listed after a start, in seconds, and their rows."""
    began = time.perf_counter()
    async with running_stack(home) as stack:
        rows = await _all_listed(stack.client)
        return time.perf_counter() - began, rows


async def _all_listed(client: Client) -> list[dict]:
    async with asyncio.timeout(120):
        while True:
            with suppress(Unavailable, TimedOut):
                found = await client.list_sessions(limit=SESSIONS)
                # the last event of each is applied when all of them sleep
                if len(found) == SESSIONS and all(row.status is Status.IDLE for row in found):
                    return [row.model_dump(mode="json") for row in found]
            await asyncio.sleep(0.02)


async def test_starting_with_1000_sessions(tmp_path, record):
    home = tmp_path / "home"
    with running_nats(tmp_path / "nats") as server:
        async with await connect(server.url, name="bench") as bus:
            await ensure(bus)
            count = await _fill(bus)
    shutil.copytree(tmp_path / "nats" / "store", home / "broker", dirs_exist_ok=True)
    registry = home / "registry.db"

    first, rows = await _start(home)
    starts = [await _start(home) for _ in range(RUNS)]
    registry.unlink()
    rebuilt, same = await _start(home)
    lost = (home / "logs" / "session-manager.log").read_text().count("is lost")

    assert registry.exists()
    assert same == rows == starts[-1][1]
    record += [
        Figure("cold start, 1,000 sessions listed, p50", p50([s for s, _ in starts]), "s", 10),
        Figure(f"the same without a registry, {count:,} events", rebuilt, "s", 30),
        Figure("sessions whose row differs after it", 0, "", 0),
        Figure("leads that were lost in all these starts", lost, "", 0),
        Figure("the first start on a log that another broker wrote", first, "s"),
    ]
