"""What nobody can read goes into quarantine once, whatever is there already."""

from __future__ import annotations

import asyncio

from jidoka.bus.connection import Bus
from jidoka.bus.entries import Stored
from jidoka.bus.quarantine import PAGE, Quarantine, Wanted
from jidoka.contract import subjects
from jidoka.contract.errors import InvalidMessage
from jidoka.session_manager.unreadable import PROGRAM, Unreadable

SUBJECT = subjects.session_event("s" + "0" * 24, "turn.ended")


async def test_a_message_that_a_former_term_put_away_is_not_put_away_again(bus: Bus):
    count, problem = PAGE + 2, InvalidMessage.of("", "no JSON")
    for cursor in range(1, count + 1):  # too long ago for the broker to know their ids
        about = {"jidoka-subject": SUBJECT, "jidoka-cursor": str(cursor)}
        await bus.store(
            subjects.dlq(PROGRAM), b"x", about | {"jidoka-code": problem.code}, timeout_s=5.0
        )
    quarantine, doubted = Quarantine(bus), list[str]()
    unreadable = Unreadable(quarantine)
    running = asyncio.create_task(unreadable.run(doubted.append), name="unreadable")

    for cursor in (1, count, count + 1):
        unreadable.take(Stored(cursor, SUBJECT, b"x"), problem)
    while (await quarantine.extent(PROGRAM)).messages == count:  # noqa: ASYNC110 - from outside
        await asyncio.sleep(0.01)
    running.cancel()

    *_, last = await quarantine.list(Wanted(PROGRAM), after=count - 1)
    assert (await quarantine.extent(PROGRAM)).messages == count + 1
    assert last.cursor == count + 1
    assert len(doubted) == 3
