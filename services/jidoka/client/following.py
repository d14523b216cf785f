"""Following a session: its log from any number, and deltas while something happens.

Deltas are held back until the history has been read and their call has begun in it, and those of
calls that have ended are dropped: whoever comes late sees the same as who was there, in the same
order.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import ValidationError

from jidoka.bus import follower
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.entries import Stored, check_follows, opened
from jidoka.bus.resolve import resolved
from jidoka.client.items import Item, Recorded, Shown
from jidoka.client.seeking import NOWHERE, Start, last, seek
from jidoka.contract import subjects
from jidoka.contract.envelope import open_stored
from jidoka.contract.errors import InvalidMessage, JidokaError, LogDamaged, Unavailable
from jidoka.contract.event_groups import CallEnd
from jidoka.contract.events import (
    LlmRequested,
    LlmResponded,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from jidoka.contract.live import LIVE_KINDS, Delta
from jidoka.core.ports import Entry, Head

MOST_WAITING: Final = 1_024
"""Items between the broker and a slow reader; beyond it the reader slows its own consumer."""
SILENCE_S: Final = 30.0
"""So long may nothing come of what is there: then the broker is away, or it cannot be read."""
_EndOfCall = LlmResponded | CallEnd


@dataclass(slots=True)
class _Merge:
    """Decides which deltas pass: pure, told of every item."""

    head: int
    """The number at which the history ends."""
    seen: int
    ended: set[str] = field(default_factory=set[str])
    begun: set[str] = field(default_factory=set[str])
    """The turn that goes on and its calls, as far as their beginning was handed on."""
    held: list[Shown] = field(default_factory=list[Shown])

    def take(self, item: Item) -> list[Item]:
        """Return what may be handed on now."""
        if isinstance(item, Shown):
            return self._delta(item)
        self.seen = item.sequence
        if isinstance(item.event, _EndOfCall):
            self.ended.add(item.event.call_id)
        if isinstance(item.event, LlmRequested | ToolStarted):
            self.begun.add(item.event.call_id)
        if isinstance(item.event, TurnStarted):
            self.begun.add(item.event.turn_id)
        if isinstance(item.event, TurnEnded):
            self.begun.clear()
            if self.seen > self.head:
                self.ended.clear()
        return [item, *self._released()]

    def _delta(self, item: Shown) -> list[Item]:
        if self._is_early(item.delta):
            self.held.append(item)
            del self.held[:-MOST_WAITING]
            return []
        return [] if item.delta.call_id in self.ended else [item]

    def _is_early(self, delta: Delta) -> bool:
        """Tell whether what comes before it is still to be handed on.

        Of a turn whose start was not seen, the beginning of the call may not be either.
        """
        is_to_come = delta.turn_id in self.begun and delta.call_id not in self.begun
        return self.seen < self.head or is_to_come

    def _released(self) -> list[Item]:
        if self.seen < self.head or not self.held:
            return []
        held, self.held = self.held, []
        return [passed for item in held for passed in self._delta(item)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a session is to be followed."""

    after: int
    """The number of the event after which to begin; below 0: so many before the end."""
    known: Start = NOWHERE
    """A place of the session that is known already."""
    live: bool = True
    """Deltas too."""
    to_the_end: bool = False
    """Stop at the end of what is there now."""
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it to end the following."""


async def follow(bus: Bus, session_id: str, wanted: Wanted) -> AsyncGenerator[Item]:
    """Yield what is recorded after number `wanted.after`, without end unless one is wanted.

    Raises:
        SessionNotFound: there is no such session.
        InvalidMessage: `wanted.after` is beyond the end of the log.
        LogDamaged: what comes next is missing or altered; `wanted.after` its end goes on behind it.
        Unavailable: an end is wanted, and nothing came for 30 s before it.
    """
    end = await last(bus, session_id)
    if wanted.after < 0:
        wanted = replace(wanted, after=max(end.sequence + wanted.after, 0))
    if wanted.after > end.sequence:
        reason = f"{wanted.after} is beyond the last event, {end.sequence}"
        raise InvalidMessage.of("after", reason)
    if wanted.to_the_end and wanted.after == end.sequence:
        return
    start = await _start(bus, session_id, wanted, end)
    sources = [events(bus, session_id, start)]
    if wanted.live:
        sources.append(deltas(bus, session_id))
    merge = _Merge(head=end.sequence, seen=start.sequence)
    silence_s = SILENCE_S if wanted.to_the_end else None
    async with aclosing(merged(sources, wanted.enough, silence_s)) as items:
        async for item in items:
            for passed in merge.take(item):
                yield passed
            if wanted.to_the_end and merge.seen >= end.sequence:
                return


async def _start(bus: Bus, session_id: str, wanted: Wanted, end: Start) -> Start:
    if wanted.after == end.sequence:
        return end
    known = wanted.known if wanted.known.sequence <= wanted.after else NOWHERE
    return Start(wanted.after, await seek(bus, session_id, wanted.after, known, end))


async def events(bus: Bus, session_id: str, start: Start) -> AsyncGenerator[Item]:
    """Yield the events of a session after `start`, without end.

    Raises:
        LogDamaged: events after `start` are missing or altered; those before them were yielded.
    """
    subject = subjects.session_events(session_id)
    wanted = follower.Filter(subjects.EVENTS_STREAM, subject, start.cursor)
    blobs, before = NatsBlobs(bus), None if start.sequence else Head()
    async with aclosing(follower.follow(bus, wanted)) as stored:
        async for each in stored:
            entry = _in_its_place(each, before, start.sequence)
            if entry.envelope.sequence is None and before is None:
                continue  # a stranger's message, and nothing to count it from
            before = entry.head
            if entry.envelope.sequence is not None and entry.sequence > start.sequence:
                item, problem = await _whole(blobs, each, entry)
                if isinstance(problem, LogDamaged):
                    raise problem
                yield item


def _in_its_place(stored: Stored, before: Head | None, asked_after: int) -> Entry:
    """Return the entry of a message; raises if anything is missing that was asked for."""
    entry, _ = opened(stored, before)
    if before is None:
        return entry
    try:
        check_follows(entry, before)
    except LogDamaged as damage:
        if damage.last > asked_after:
            raise
        entry, _ = opened(stored)  # it counts from itself: what is missing is not asked for
    return entry


async def recorded(blobs: NatsBlobs, stored: Stored) -> Recorded:
    """Return the event of a stored message, with the data that it refers to."""
    return (await _whole(blobs, stored, opened(stored)[0]))[0]


async def _whole(
    blobs: NatsBlobs, stored: Stored, entry: Entry
) -> tuple[Recorded, JidokaError | None]:
    entry, problem = await resolved(blobs, entry, math.inf)
    session_id = subjects.session_of(stored.subject) or ""
    return Recorded(
        session_id, entry.sequence, entry.event, entry.envelope, stored.cursor, stored.body
    ), problem


async def deltas(bus: Bus, session_id: str) -> AsyncGenerator[Item]:
    """Yield the deltas of a session that are still kept, then those that come."""
    wanted = follower.Filter(subjects.LIVE_STREAM, subjects.session_lives(session_id))
    async with aclosing(follower.follow(bus, wanted)) as stored:
        async for each in stored:
            if (item := shown(session_id, each)) is not None:
                yield item


def shown(session_id: str, stored: Stored) -> Shown | None:
    """Return the delta of a stored message, None when it cannot be read as one."""
    kind = stored.subject.rpartition(".")[2]
    if kind not in LIVE_KINDS:
        return None
    try:
        envelope = open_stored(stored.body)
        delta = Delta.model_validate(envelope.data, extra="ignore")
    except ValidationError:
        return None
    return Shown(session_id, kind, delta, envelope.epoch, envelope, stored.body)


async def merged(
    sources: list[AsyncGenerator[Item]], enough: asyncio.Event, silence_s: float | None = None
) -> AsyncGenerator[Item]:
    """Yield what any of the sources yields, as it comes; they end with this generator.

    Raises:
        Unavailable: nothing came for `silence_s` seconds; None waits without end.
    """
    queue: asyncio.Queue[Item | BaseException | None] = asyncio.Queue(MOST_WAITING)
    tasks = [
        asyncio.create_task(_pump(source, queue.put), name=f"follow {number}")
        for number, source in enumerate(sources)
    ]
    tasks.append(asyncio.create_task(_end(enough, queue.put), name="follow no more"))
    try:
        while (item := await _next(queue, silence_s)) is not None and not enough.is_set():
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for source in sources:
            with suppress(RuntimeError):
                await source.aclose()


async def _next(
    queue: asyncio.Queue[Item | BaseException | None], silence_s: float | None
) -> Item | BaseException | None:
    try:
        async with asyncio.timeout(silence_s):
            return await queue.get()
    except TimeoutError:
        why = f"nothing more of its log came for {silence_s:g} s"
        raise Unavailable(part="the session", why=why) from None


async def _pump(source: AsyncIterator[Item], put: Callable[[Any], Any]) -> None:
    try:
        async for item in source:
            await put(item)
    except Exception as problem:  # noqa: BLE001 - it is raised again by who reads the queue
        await put(problem)


async def _end(enough: asyncio.Event, put: Callable[[Any], Any]) -> None:
    await enough.wait()
    await put(None)
