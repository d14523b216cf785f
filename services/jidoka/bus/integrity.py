"""Whether the logs still are what they were: compared with marks kept elsewhere, or read whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Protocol

from jidoka.contract.errors import LogDamaged
from jidoka.core.ports import Entry, Head


class Readable(Protocol):
    """The part of a log that is needed to check it."""

    def read(self, session_id: str, after: Head | None = None) -> AsyncGenerator[Entry]:
        """Yield what is recorded after `after`, then end."""
        ...

    async def check(self, session_id: str, head: Head) -> None:
        """Raise `LogDamaged` unless the log holds exactly `head` where it stood."""
        ...


async def compare(log: Readable, marks: Mapping[str, Head]) -> dict[str, LogDamaged]:
    """Return the sessions whose logs are shorter than their marks or differ there, with the range.

    Costs a few requests a session; it finds what was cut off, rolled back or replaced at the
    mark. What is missing in the middle is found by whoever reads it, or by `examine`.
    """
    damaged: dict[str, LogDamaged] = {}
    for session_id, mark in marks.items():
        try:
            await log.check(session_id, mark)
            async with aclosing(log.read(session_id, mark)) as behind:
                await anext(behind, None)  # it names the hash of the mark, or is damage
        except LogDamaged as damage:
            damaged[session_id] = damage
    return damaged


async def examine(
    log: Readable, session_ids: Iterable[str], marks: Mapping[str, Head]
) -> dict[str, LogDamaged]:
    """Return the damaged sessions after reading each of them from its first event to its last.

    Every number has to follow and every hash has to fit, and the mark has to be among them.
    """
    damaged: dict[str, LogDamaged] = {}
    for session_id in session_ids:
        try:
            await _examine(log, session_id, marks.get(session_id, Head()))
        except LogDamaged as damage:
            damaged[session_id] = damage
    return damaged


async def _examine(log: Readable, session_id: str, mark: Head) -> None:
    last = Head()
    async with aclosing(log.read(session_id)) as entries:
        async for entry in entries:
            last = entry.head
            if last.sequence == mark.sequence and last.digest != mark.digest:
                raise LogDamaged(first=mark.sequence, last=mark.sequence)
    if last.sequence < mark.sequence:
        raise LogDamaged(first=last.sequence + 1, last=mark.sequence)
