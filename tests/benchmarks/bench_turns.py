"""What jidoka adds to a turn with an instant model over HTTP."""

from __future__ import annotations

import asyncio
import time

from jidoka.contract import events as e
from tests.benchmarks.results import Figure, p50, p95
from tests.support.system import Stack

WARM_TURNS = 5
TURNS = 60
SESSIONS = 50
TURNS_EACH = 20


async def _turn(stack: Stack, session_id: str, nth: int) -> tuple[float, e.TurnEnded]:
    began = time.perf_counter()
    await stack.client.send_message(session_id, f"say something, {nth}")
    entry = await stack.until(session_id, e.TurnEnded, nth)
    assert isinstance(entry.event, e.TurnEnded)
    return (time.perf_counter() - began) * 1e3, entry.event


async def test_one_session_turn_after_turn(stack, record):
    session_id = await stack.create("words-3")
    for nth in range(1, WARM_TURNS + 1):
        await _turn(stack, session_id, nth)

    turns = [await _turn(stack, session_id, WARM_TURNS + n) for n in range(1, TURNS + 1)]

    assert all(ended.outcome == "completed" for _, ended in turns)
    times = [ms for ms, _ in turns]
    record += [
        Figure("turn of one session, p50", p50(times), "ms", 20),
        Figure("turn of one session, p95", p95(times), "ms"),
    ]


async def test_fifty_sessions_at_once(stack, record):
    sessions = [await stack.create("words-3") for _ in range(SESSIONS)]
    await asyncio.gather(*(_turn(stack, session_id, 1) for session_id in sessions))

    async def many(session_id: str) -> list[tuple[float, e.TurnEnded]]:
        return [await _turn(stack, session_id, nth) for nth in range(2, TURNS_EACH + 2)]

    before, began = stack.cpu_s(), time.perf_counter()
    done = [turn for turns in await asyncio.gather(*map(many, sessions)) for turn in turns]
    seconds = time.perf_counter() - began
    spent = {name: s - before[name] for name, s in stack.cpu_s().items()}

    failed = [ended for _, ended in done if ended.outcome != "completed"]
    assert not failed, failed[0]
    record += [
        Figure("turns a second, 50 sessions", len(done) / seconds, "1/s", 80, 100, True),
        Figure("failed turns of 50 sessions", len(failed), "", 0),
        Figure("turn of 50 sessions, p50", p50([ms for ms, _ in done]), "ms"),
    ]
    for name, cpu_s in spent.items():
        record.append(Figure(f"  CPU a turn, {name}", cpu_s / len(done) * 1e3, "ms"))


async def test_a_turn_of_2000_deltas(stack, record):
    session_id = await stack.create("words-2000")
    await _turn(stack, session_id, 1)

    times = [(await _turn(stack, session_id, nth))[0] for nth in range(2, 7)]

    record.append(Figure("turn of 2,000 deltas, p50", p50(times), "ms"))
