"""Whether the logs still are what they were: compared with marks kept elsewhere, or read whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Final, Protocol

from jidoka.contract.errors import JidokaError, LogDamaged
from jidoka.contract.events import SessionDeleted
from jidoka.core.newer import misunderstood
from jidoka.core.ports import Entry, Head

AT_ONCE: Final = 32


class Readable(Protocol):
    """The part of a log that is needed to check it."""

    def read(self, session_id: str, after: Head | None = None) -> AsyncGenerator[Entry]:
        """Yield what is recorded after `after`, then end."""
        ...

    async def check(self, session_id: str, head: Head) -> bool:
        """Tell whether more stands behind `head`; raise `LogDamaged` unless it is in its place."""
        ...


class Endings(Protocol):
    """The part of a log that is needed to see how a session ends."""

    async def last(self, session_id: str) -> Entry | None:
        """Return the last entry of a session, None where there is none."""
        ...


async def compare(log: Readable, marks: Mapping[str, Head]) -> dict[str, JidokaError]:
    """Return the sessions whose logs are shorter than their marks or differ there, with the range.

    Costs a request a session; it finds what was cut off, rolled back or replaced at the mark.
    What is missing in the middle is found by whoever reads it, or by `examine`.
    """
    damaged: dict[str, JidokaError] = {}
    left = iter(marks.items())

    async def work() -> None:
        for session_id, mark in left:
            if (damage := await _compared(log, session_id, mark)) is not None:
                damaged[session_id] = damage

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return damaged


async def _compared(log: Readable, session_id: str, mark: Head) -> JidokaError | None:
    try:
        if await log.check(session_id, mark):
            async with aclosing(log.read(session_id, mark)) as behind:
                await anext(behind, None)  # it names the hash of the mark, or is damage
    except LogDamaged as damage:
        return await examined(log, session_id, mark) or damage  # the whole names the first lost
    return None


async def risen(log: Endings, deleted: Iterable[str]) -> set[str]:
    """Return which of these sessions, all deleted, have events and no tombstone behind them.

    Costs a request a session. One of which nothing is left at all lies as it should.
    """
    found: set[str] = set()
    left = iter(tuple(deleted))

    async def work() -> None:
        for session_id in left:
            try:
                last = await log.last(session_id)
            except LogDamaged:
                found.add(session_id)  # and what is back is not even whole
            else:
                if last is not None and not isinstance(last.event, SessionDeleted):
                    found.add(session_id)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return found


async def examine(
    log: Readable, session_ids: Iterable[str], marks: Mapping[str, Head]
) -> dict[str, JidokaError]:
    """Return the damaged sessions after reading each of them from its first event to its last."""
    found = {each: await examined(log, each, marks.get(each, Head())) for each in session_ids}
    return {each: damage for each, damage in found.items() if damage is not None}


async def examined(log: Readable, session_id: str, mark: Head) -> JidokaError | None:
    """Return what is wrong with a session's log after reading it whole, None for nothing.

    Every number has to follow, every hash has to fit, all data that an event names has to be
    there, the mark has to be among them, and all of it has to be understood.
    """
    last, beyond = Head(), None
    try:
        async with aclosing(log.read(session_id)) as entries:
            async for entry in entries:
                if isinstance(entry.event, SessionDeleted):
                    return None  # the rest of it was taken away on purpose
                last, problem = entry.head, misunderstood(entry)
                if isinstance(problem, LogDamaged):
                    return problem
                beyond = beyond or problem
                if last.sequence == mark.sequence and last.digest != mark.digest:
                    return LogDamaged(first=mark.sequence, last=mark.sequence)
    except LogDamaged as damage:
        return damage
    if last.sequence < mark.sequence:
        return LogDamaged(first=last.sequence + 1, last=mark.sequence)
    return beyond
