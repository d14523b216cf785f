"""Reading a stream: whoever reads what is there already lets others of the program work."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from jidoka.bus import follower
from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.contract.subjects import EVENTS_STREAM, session_event

COUNT = 3_000
SUBJECT = session_event("s1", "note.left")


async def test_others_have_their_turn_while_a_long_history_is_read(nats_url: str):
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus)
        for _ in range(COUNT // 100):
            await asyncio.gather(*(bus.store(SUBJECT, b"x", {}, 20) for _ in range(100)))
        turns = 0

        async def another() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(another())
        at: list[int] = []
        async with aclosing(follower.read(bus, follower.Filter(EVENTS_STREAM, SUBJECT))) as found:
            async for _ in found:
                at.append(turns)  # noqa: PERF401 - it is noted as it is read
        other.cancel()

    assert len(at) == COUNT
    in_a_row = max(at.count(turn) for turn in set(at))
    assert in_a_row <= follower.MOST_IN_A_ROW
