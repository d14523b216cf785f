"""The log in memory: the twin of the one on NATS, for tests and for what needs no broker.

It stores the same bytes, refuses the same way, and forgets everything when it is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic_core import to_json

from jidoka.bus.blobs import MOST_BYTES, check_size, measured, parts_of, ref_of
from jidoka.bus.entries import (
    Stored,
    by_reference,
    check_follows,
    head_of,
    opened,
    sealed,
    written,
)
from jidoka.bus.event_log import INLINE_BYTES, Quarantine
from jidoka.bus.resolve import resolved
from jidoka.bus.secrets import redacted
from jidoka.contract import subjects
from jidoka.contract.content import BlobRef
from jidoka.contract.envelope import digest_of
from jidoka.contract.errors import LogDamaged, StaleSequence, Unavailable
from jidoka.contract.ids import is_token
from jidoka.contract.redaction import Redactors
from jidoka.core.ports import Draft, Entry, Head


class MemoryBlobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def put(
        self, session_id: str, value: bytes | Path, content_type: str = "application/octet-stream"
    ) -> BlobRef:
        """Keep a value, or the content of a file, and return its reference; twice is once."""
        size_bytes, sha256 = await asyncio.to_thread(measured, value)
        content = value if isinstance(value, bytes) else await asyncio.to_thread(value.read_bytes)
        ref = ref_of(session_id, sha256)
        self._values.setdefault(ref, content)
        return BlobRef(ref=ref, size_bytes=size_bytes, sha256=sha256, content_type=content_type)

    is_closed = False

    async def get(self, ref: str, maximum_bytes: int = MOST_BYTES) -> bytes:
        """Return the value."""
        value = await self.find(ref, maximum_bytes)
        if value is None:
            raise Unavailable(part=ref, why="it is not there")
        return value

    async def find(self, ref: str, maximum_bytes: int = MOST_BYTES) -> bytes | None:
        """Return the value, None where it is not there."""
        parts_of(ref)
        value = self._values.get(ref)
        if value is not None:
            check_size(len(value), maximum_bytes)
        return value

    async def delete(self, ref: str) -> None:
        """Erase a value; nothing happens where there is none."""
        parts_of(ref)
        self._values.pop(ref, None)

    async def delete_session(self, session_id: str) -> int:
        """Erase all values of a session and return how many there were."""
        mine = [ref for ref in self._values if ref.startswith(f"blob:{session_id}/")]
        for ref in mine:
            del self._values[ref]
        return len(mine)


class MemoryKeep:
    """Answers or snapshots in a dictionary."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under `key`, None where nothing is."""
        return self._values.get(key)

    async def put(self, key: str, body: bytes) -> None:
        """Keep `body` under `key`, instead of what was there."""
        if not is_token(key):
            raise ValueError(f"not a key: {key!r}")
        self._values[key] = body

    async def delete(self, key: str) -> None:
        """Keep it no longer; nothing happens where nothing is."""
        self._values.pop(key, None)


class MemoryEventLog:
    """The logs of all sessions in one list."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        blobs: MemoryBlobs | None = None,
        on_unreadable: Quarantine | None = None,
    ) -> None:
        self._clock = clock
        self._on_unreadable = on_unreadable
        self._blobs = blobs or MemoryBlobs()
        self.redactors = Redactors()
        self._stored: list[Stored] = []
        self._sessions: dict[str, list[Stored]] = {}
        self._ids: set[str] = set()
        self._news = asyncio.Event()

    async def append(self, session_id: str, draft: Draft, expected: Head) -> tuple[Entry, ...]:
        """Record `draft` right after `expected`; return all entries after it, the own one too."""
        draft = replace(draft, event=redacted(draft.event, self.redactors.of(session_id)))
        envelope = sealed(session_id, draft, expected, self._clock())
        body = written(envelope)
        if len(body) > INLINE_BYTES:
            blob = await self._blobs.put(session_id, to_json(envelope.data), "application/json")
            envelope, body = by_reference(envelope, blob.ref)
        here = self._sessions.setdefault(session_id, [])
        actual = here[-1].cursor if here else 0
        if actual != expected.cursor or draft.event_id in self._ids:
            tail = tuple([entry async for entry in self.read(session_id, expected)])
            if any(entry.envelope.id == draft.event_id for entry in tail):
                return tail
            raise StaleSequence(expected=expected.cursor, actual=actual, tail=tail)
        self._ids.add(draft.event_id)
        stored = self.put_raw(subjects.session_event(session_id, draft.event.name), body)
        return (Entry(draft.event, envelope, head_of(stored, expected.sequence + 1)),)

    def put_raw(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> Stored:
        """Store a message as a stranger would, without any check; return it as it stands."""
        stored = Stored(len(self._stored) + 1, subject, body, headers or {})
        self._stored.append(stored)
        self._sessions.setdefault(subjects.session_of(subject) or "", []).append(stored)
        self._news.set()
        self._news = asyncio.Event()
        return stored

    async def read(self, session_id: str, after: Head | None = None) -> AsyncGenerator[Entry]:
        """Yield what is recorded after `after` (None: from the start), then end."""
        before = after or Head()
        for stored in tuple(self._sessions.get(session_id, ())):
            if stored.cursor > before.cursor:
                entry = await self._entry(stored, before)
                check_follows(entry, before)
                before = entry.head
                yield entry

    async def follow(self, session_id: str, after: Head | None = None) -> AsyncGenerator[Entry]:
        """Yield what is recorded after `after`, then what comes: no gap, no duplicate, no end."""
        before = after or Head()
        while True:
            await self.check(session_id, before)
            news = self._news
            async for entry in self.read(session_id, before):
                before = entry.head
                yield entry
            if news is self._news:
                await news.wait()

    async def follow_all(
        self, after_cursor: int = 0, subject: str = subjects.ALL_EVENTS
    ) -> AsyncGenerator[tuple[str, Entry]]:
        """Yield session id and entry of all sessions' events after a stream sequence, and go on."""
        async for stored in self.follow_raw(after_cursor, subject):
            yield subjects.session_of(stored.subject) or "", await self._entry(stored, None)

    async def follow_raw(
        self, after_cursor: int = 0, subject: str = subjects.ALL_EVENTS
    ) -> AsyncGenerator[Stored]:
        """Yield the messages as they are stored, from a stream sequence on."""
        pattern = subject.replace(">", "*")
        at = after_cursor
        while True:
            while at < len(self._stored):
                stored = self._stored[at]
                at += 1
                if fnmatchcase(stored.subject, pattern):
                    yield stored
            await self._news.wait()

    async def last(self, session_id: str) -> Entry | None:
        """Return the last entry of a session, None where there is none."""
        everything = [entry async for entry in self.read(session_id)]
        return everything[-1] if everything else None

    async def check(self, session_id: str, head: Head) -> bool:
        """Return, if the log still holds `head` where it stood, whether more is behind it."""
        here = {stored.cursor: stored for stored in self._sessions.get(session_id, ())}
        if head.cursor > max(here, default=0):
            last = await self.last(session_id)
            raise LogDamaged(first=last.sequence + 1 if last else 1, last=head.sequence)
        if head.cursor and digest_of(here[head.cursor].body) != head.digest:
            raise LogDamaged(first=head.sequence, last=head.sequence)
        return head.cursor < max(here, default=0)

    def cut(self, session_id: str, after_sequence: int) -> None:
        """Lose the end of a session's log, as a broken disk would."""
        del self._sessions[session_id][after_sequence:]
        self._news.set()
        self._news = asyncio.Event()

    async def _entry(self, stored: Stored, before: Head | None) -> Entry:
        entry, problem = opened(stored, before)
        if entry.envelope.dataref is not None:
            entry, problem = await resolved(self._blobs, entry, 0)
        if isinstance(problem, LogDamaged) and before is not None:
            raise problem  # who folds a session must not go on without it
        if problem is not None and self._on_unreadable is not None:
            self._on_unreadable(stored, problem)
        return entry
