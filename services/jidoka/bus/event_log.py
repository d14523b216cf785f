"""The log of all sessions on JetStream: append at an expected place, read, follow.

append   one publish that names the session's last stream sequence it knows. Refused with
         "wrong last sequence": read what is new. The own id anywhere in it means that an
         earlier try was stored and only its acknowledgement was lost.
time-out says nothing about what happened: the same id goes out again, expecting the same.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from nats.js.errors import APIError
from pydantic_core import to_json

from jidoka.bus import follower
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.entries import (
    STRUCTURED,
    Stored,
    by_reference,
    check_follows,
    head_of,
    opened,
    sealed,
    written,
)
from jidoka.bus.refusals import NO_MESSAGE, WRONG_LAST_SEQUENCE, is_passing, raised, real_head
from jidoka.bus.resolve import resolved
from jidoka.bus.secrets import redacted
from jidoka.contract import subjects
from jidoka.contract.envelope import Envelope, digest_of
from jidoka.contract.errors import JidokaError, LogDamaged, StaleSequence, TimedOut, Unavailable
from jidoka.core.ports import Draft, Entry, Head

INLINE_BYTES: Final = 256 * 1024
"""A larger event keeps its data in the object store."""
PATIENCE_S: Final = 10.0
TRY_TIMEOUT_S: Final = 2.0
RETRY_S: Final = 0.05

Quarantine = Callable[[Stored, JidokaError], None]
"""Is told of every stored message that could not be read as an event."""


class NatsEventLog:
    """The sessions' logs in JIDO_EVENTS."""

    def __init__(
        self,
        bus: Bus,
        *,
        clock: Callable[[], float] = time.time,
        patience_s: float = PATIENCE_S,
        try_timeout_s: float = TRY_TIMEOUT_S,
        heartbeat_s: float = follower.HEARTBEAT_S,
        on_unreadable: Quarantine | None = None,
    ) -> None:
        """`clock` gives Unix seconds; `patience_s` bounds an append with all its tries."""
        self._bus = bus
        self._blobs = NatsBlobs(bus)
        self._clock = clock
        self._patience_s = patience_s
        self._try_timeout_s = try_timeout_s
        self._heartbeat_s = heartbeat_s
        self._on_unreadable = on_unreadable

    async def append(self, session_id: str, draft: Draft, expected: Head) -> tuple[Entry, ...]:
        """Record `draft` right after `expected`; return all entries after it, the own one too."""
        draft = replace(draft, event=redacted(draft.event, self._bus.redactors.of(session_id)))
        envelope = sealed(session_id, draft, expected, self._clock())
        envelope, body = await self._body(session_id, envelope)
        subject = subjects.session_event(session_id, draft.event.name)
        try:
            cursor = await self._stored(session_id, subject, body, draft.event_id, expected)
        except APIError as refused:
            if refused.err_code != WRONG_LAST_SEQUENCE:
                raise raised(refused, subjects.EVENTS_STREAM, len(body)) from None
            return await self._after_conflict(session_id, draft, expected, real_head(refused))
        if cursor is None:
            return await self._after_conflict(session_id, draft, expected, None)
        head = head_of(Stored(cursor, subject, body), expected.sequence + 1)
        return (Entry(draft.event, envelope, head),)

    def read(self, session_id: str, after: Head | None = None) -> AsyncGenerator[Entry]:
        """Yield what is recorded after `after` (None: from the start), then end.

        What does not follow from what is before it raises `LogDamaged`.
        """
        place = _Place(session_id, after or Head(), self._patience_s)
        return self._entries(follower.read(self._bus, place.filter()), place)

    def follow(self, session_id: str, after: Head | None = None) -> AsyncGenerator[Entry]:
        """Yield what is recorded after `after`, then what comes: no gap, no duplicate, no end.

        A log that is shorter than what was seen of it, or does not follow from it, raises
        `LogDamaged`, after a restart of the broker too.
        """
        place = _Place(session_id, after or Head())

        async def still_there() -> None:
            await self.check(session_id, place.head)

        messages = follower.follow(
            self._bus, place.filter(), heartbeat_s=self._heartbeat_s, check=still_there
        )
        return self._entries(messages, place)

    async def follow_all(
        self, after_cursor: int = 0, subject: str = subjects.ALL_EVENTS
    ) -> AsyncGenerator[tuple[str, Entry]]:
        """Yield session id and entry of all sessions' events after a stream sequence, and go on.

        The number of an entry is the one that it carries, 0 where it has none. `entry.head.cursor`
        is what to resume from.
        """
        async with aclosing(self.follow_raw(after_cursor, subject)) as messages:
            async for stored in messages:
                entry = await self._entry(stored, None, math.inf)
                yield subjects.session_of(stored.subject) or "", entry

    def follow_raw(
        self, after_cursor: int = 0, subject: str = subjects.ALL_EVENTS
    ) -> AsyncGenerator[Stored]:
        """Yield the messages as they are stored, from a stream sequence on."""
        wanted = follower.Filter(subjects.EVENTS_STREAM, subject, after_cursor)
        return follower.follow(self._bus, wanted, heartbeat_s=self._heartbeat_s)

    async def last(self, session_id: str) -> Entry | None:
        """Return the last entry of a session, None where there is none."""
        stored = await self._last(subjects.session_events(session_id))
        if stored is None:
            return None
        entry = await self._entry(stored, None, self._patience_s)
        if entry.sequence:
            return entry
        everything = [each async for each in self.read(session_id)]  # a stranger has no number
        return everything[-1]

    async def check(self, session_id: str, head: Head) -> bool:
        """Return if the log still holds `head` where it stood, at the price of one request.

        What is returned says whether more is recorded behind it.

        Raises:
            LogDamaged: it is shorter, or another event stands there.
            Unavailable, TimedOut: it cannot be read.
        """
        if not head.cursor:
            return True
        last = await self._last(subjects.session_events(session_id))
        if last is None or last.cursor < head.cursor:
            await self._check_with_the_leader(session_id, head)
        elif last.cursor == head.cursor and digest_of(last.body) != head.digest:
            raise LogDamaged(first=head.sequence, last=head.sequence)
        return last is None or last.cursor > head.cursor

    # --- append, step by step -------------------------------------------------------------------

    async def _body(self, session_id: str, envelope: Envelope) -> tuple[Envelope, bytes]:
        """Return what to store; the data of what is too large goes to the object store."""
        body = written(envelope)
        if len(body) <= INLINE_BYTES:
            return envelope, body
        blob = await self._blobs.put(session_id, to_json(envelope.data), "application/json")
        return by_reference(envelope, blob.ref)

    async def _stored(
        self, session_id: str, subject: str, body: bytes, event_id: str, expected: Head
    ) -> int | None:
        """Return the stream sequence; None when the broker says that it has it already.

        Raises:
            APIError: JetStream refuses. Unavailable: it was never sent. TimedOut: unknown.
        """
        headers = STRUCTURED | {
            "Nats-Msg-Id": event_id,
            "Nats-Expected-Last-Subject-Sequence": str(expected.cursor),
            "Nats-Expected-Last-Subject-Sequence-Subject": subjects.session_events(session_id),
        }
        sent = False
        until = asyncio.get_running_loop().time() + self._patience_s
        for left_s in _until(until):
            try:
                await self._bus.up(left_s)
                sent = True
                timeout_s = min(left_s, self._try_timeout_s)
                cursor, known = await self._bus.store(subject, body, headers, timeout_s)
            except TimedOut:
                continue
            except (Unavailable, APIError) as problem:
                if not is_passing(problem):
                    raise
                await asyncio.sleep(RETRY_S)
            else:
                return None if known else cursor
        if sent:
            raise TimedOut(after_s=self._patience_s)
        raise Unavailable(part=subjects.EVENTS_STREAM, why="no connection to the broker")

    async def _after_conflict(
        self, session_id: str, draft: Draft, expected: Head, actual: int | None
    ) -> tuple[Entry, ...]:
        """Return what is new if the draft is in it, else raise `StaleSequence` with it."""
        tail = await self._tail(session_id, expected, actual)
        if any(entry.envelope.id == draft.event_id for entry in tail):
            return tail
        raise StaleSequence(expected=expected.cursor, actual=actual, tail=tail)

    async def _tail(
        self, session_id: str, after: Head, until_cursor: int | None
    ) -> tuple[Entry, ...]:
        """Return what stands after `after`, at least up to the head that the broker named."""
        deadline = asyncio.get_running_loop().time() + self._patience_s
        for _ in _until(deadline):
            tail = tuple([entry async for entry in self.read(session_id, after)])
            if until_cursor is None or (tail and tail[-1].head.cursor >= until_cursor):
                return tail
            if until_cursor <= after.cursor:
                return tail
            await asyncio.sleep(RETRY_S)  # with replicas another server may answer, and lag
        raise TimedOut(after_s=self._patience_s)

    # --- reading --------------------------------------------------------------------------------

    async def _entries(
        self, messages: AsyncGenerator[Stored], place: _Place
    ) -> AsyncGenerator[Entry]:
        async with aclosing(messages):
            async for stored in messages:
                entry = await self._entry(stored, place.head, place.patience_s)
                check_follows(entry, place.head)
                place.head = entry.head
                yield entry

    async def _entry(self, stored: Stored, before: Head | None, patience_s: float) -> Entry:
        entry, problem = opened(stored, before)
        if entry.envelope.dataref is not None:
            entry, problem = await resolved(self._blobs, entry, patience_s)
        if isinstance(problem, LogDamaged) and before is not None:
            raise problem  # who folds a session must not go on without it
        if problem is not None and self._on_unreadable is not None:
            self._on_unreadable(stored, problem)
        return entry

    async def _check_with_the_leader(self, session_id: str, head: Head) -> None:
        """Raise `LogDamaged` if the log is shorter than `head` in the eyes of its leader too.

        A direct get may be answered by a replica that lags; this one is not.
        """
        request = {"last_by_subj": subjects.session_events(session_id)}
        try:
            found = await self._bus.api(f"STREAM.MSG.GET.{subjects.EVENTS_STREAM}", request)
        except APIError as refused:
            if refused.err_code != NO_MESSAGE:
                raise raised(refused, subjects.EVENTS_STREAM, 0) from None
            raise LogDamaged(first=1, last=head.sequence) from None
        if int(found["message"]["seq"]) < head.cursor:
            last = await self.last(session_id)
            raise LogDamaged(first=last.sequence + 1 if last else 1, last=head.sequence)

    async def _last(self, subject: str) -> Stored | None:
        answer = await self._bus.request(
            f"$JS.API.DIRECT.GET.{subjects.EVENTS_STREAM}.{subject}", b"", self._try_timeout_s
        )
        headers = answer.headers or {}
        if "Nats-Sequence" not in headers:
            return None
        return Stored(int(headers["Nats-Sequence"]), headers["Nats-Subject"], answer.data, headers)


@dataclass(slots=True)
class _Place:
    """Where a reader of a session stands."""

    session_id: str
    head: Head
    patience_s: float = math.inf
    """How long data outside the log is waited for while the broker is away."""

    def filter(self) -> follower.Filter:
        """Return the filter for what comes next."""
        subject = subjects.session_events(self.session_id)
        return follower.Filter(subjects.EVENTS_STREAM, subject, self.head.cursor)


def _until(deadline: float) -> Iterator[float]:
    """Yield how many seconds are left, at least once, until none are."""
    loop = asyncio.get_running_loop()
    left_s = max(deadline - loop.time(), 0.001)
    while left_s > 0:
        yield left_s
        left_s = deadline - loop.time()
