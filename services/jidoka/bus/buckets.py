"""Values by key: finished model answers, snapshots of sessions, and the hosts that are alive.

A bucket is a stream with one message a key. `delete` and the server's own expiry leave a marker,
which reads as nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from nats.js.errors import APIError
from pydantic import ValidationError

from jidoka.bus import follower
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.entries import Stored
from jidoka.bus.refusals import raised
from jidoka.contract import subjects
from jidoka.contract.errors import JidokaError
from jidoka.contract.ids import is_session_id, is_token
from jidoka.contract.internal import HostBeat

TIMEOUT_S: Final = 5.0
INLINE_BYTES: Final = 256 * 1024
MARKER: Final = "Nats-Marker-Reason"
OPERATION: Final = "KV-Operation"
_REMOVED: Final = frozenset({"DEL", "PURGE"})
BEAT_LOST_S: Final = 4.0
"""After so long without a beat a host counts as gone: a disk may hold three of them up."""


@dataclass(frozen=True, slots=True)
class Value:
    """What stands under a key."""

    key: str
    body: bytes | None
    """None: it was there and is gone."""
    revision: int
    has_expired: bool = False
    """Nobody removed it: its time was over."""


class Bucket:
    """One bucket, by its name."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.bus = bus
        self.stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."

    async def get(self, key: str) -> Value | None:
        """Return what stands under `key`, a marker of its end included; None where nothing was."""
        subject = f"$JS.API.DIRECT.GET.{self.stream}.{self.subject(key)}"
        answer = await self.bus.request(subject, b"", TIMEOUT_S)
        headers = answer.headers or {}
        if "Nats-Sequence" not in headers:
            return None
        return _value(key, headers, answer.data, int(headers["Nats-Sequence"]))

    async def put(self, key: str, body: bytes) -> int:
        """Write a value, whatever stood there; return its revision.

        Raises:
            StorageFull, TooLarge, Unavailable, TimedOut: it is not there, or that is unknown.
        """
        return await self._store(key, body, {})

    async def delete(self, key: str) -> None:
        """Remove a value; nothing happens where there is none."""
        await self._store(key, b"", {OPERATION: "DEL"})

    async def values(self) -> AsyncGenerator[Value]:
        """Yield what is there now, markers of ends included."""
        wanted = follower.Filter(self.stream, f"{self._prefix}>")
        async with aclosing(follower.read(self.bus, wanted)) as messages:
            async for stored in messages:
                yield self._value(stored)

    async def watch(self) -> AsyncGenerator[Value]:
        """Yield what is there, then every change, without end."""
        wanted = follower.Filter(self.stream, f"{self._prefix}>")
        async with aclosing(follower.follow(self.bus, wanted)) as messages:
            async for stored in messages:
                yield self._value(stored)

    def subject(self, key: str) -> str:
        """Return the subject of a key, which is one token."""
        if not is_token(key):
            raise ValueError(f"not a key: {key!r}")
        return self._prefix + key

    async def _store(self, key: str, body: bytes, headers: dict[str, str]) -> int:
        try:
            revision, _ = await self.bus.store(self.subject(key), body, headers, TIMEOUT_S)
        except APIError as refused:
            raise raised(refused, self.stream, len(body)) from None
        return revision

    def _value(self, stored: Stored) -> Value:
        key = stored.subject.removeprefix(self._prefix)
        return _value(key, stored.headers, stored.body, stored.cursor)


def _value(key: str, headers: dict[str, str], body: bytes, revision: int) -> Value:
    has_expired = MARKER in headers
    is_there = not has_expired and headers.get(OPERATION) not in _REMOVED
    return Value(key, body if is_there else None, revision, has_expired=has_expired)


class Keep(Protocol):
    """Bytes by key, until they expire or are removed."""

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under `key`, None where nothing is."""
        ...

    async def put(self, key: str, body: bytes) -> None:
        """Keep `body` under `key`, instead of what was there.

        Raises:
            StorageFull, Unavailable, TimedOut: it is not kept, or that is unknown.
        """
        ...

    async def delete(self, key: str) -> None:
        """Keep it no longer; nothing happens where nothing is."""
        ...


class Answers:
    """Finished answers of models by call id; they expire after a day."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = Bucket(bus, subjects.ANSWERS_BUCKET)

    async def get(self, key: str) -> bytes | None:
        """Return the answer to a call, None where none is remembered."""
        value = await self._bucket.get(key)
        return value.body if value else None

    async def put(self, key: str, body: bytes) -> None:
        """Remember the answer to a call."""
        await self._bucket.put(key, body)

    async def delete(self, key: str) -> None:
        """Forget the answer to a call."""
        await self._bucket.delete(key)


class Snapshots:
    """The latest snapshot of each session; a large one stands in the object store."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = Bucket(bus, subjects.SNAPSHOTS_BUCKET)
        self._blobs = NatsBlobs(bus)

    async def get(self, key: str) -> bytes | None:
        """Return the snapshot of a session, None where there is none."""
        value = await self._bucket.get(key)
        if value is None or value.body is None:
            return None
        ref = _ref_in(value.body)
        return await self._blobs.get(ref) if ref else value.body[1:]

    async def put(self, key: str, body: bytes) -> None:
        """Replace the snapshot of a session."""
        if not is_session_id(key):
            raise ValueError(f"not a session id: {key!r}")
        before = await self._bucket.get(key)
        held = b"=" + body
        if len(body) > INLINE_BYTES:
            held = b"@" + (await self._blobs.put(key, body, "application/json")).ref.encode()
        await self._bucket.put(key, held)
        old = _ref_in(before.body) if before and before.body else None
        if old is not None and held[1:] != old.encode():
            await self._blobs.delete(old)

    async def delete(self, key: str) -> None:
        """Remove the snapshot of a session; its blobs go with the session."""
        await self._bucket.delete(key)


def _ref_in(held: bytes) -> str | None:
    """Return the reference in a value: `@` stands before one, `=` before the snapshot itself."""
    return held[1:].decode() if held.startswith(b"@") else None


class HostDirectory:
    """The agent hosts that are alive: each says so every second."""

    def __init__(self, bus: Bus) -> None:
        self._bucket = Bucket(bus, subjects.HOSTS_BUCKET)

    async def beat(self, beat: HostBeat) -> None:
        """Say that a host is alive, and how loaded."""
        await self._bucket.put(beat.host, beat.model_dump_json().encode())

    async def leave(self, host: str) -> None:
        """Say that a host goes away in good order."""
        await self._bucket.delete(host)

    async def alive(self) -> dict[str, HostBeat]:
        """Return the hosts whose last beat has not expired, by name."""
        found: dict[str, HostBeat] = {}
        async with aclosing(self._bucket.values()) as values:
            async for value in values:
                beat = _beat(value)
                if beat is not None:
                    found[value.key] = beat
        return found

    async def watch(self, lost_s: float = BEAT_LOST_S) -> AsyncGenerator[HostBeat | HostGone]:
        """Yield each beat, and `HostGone` once for a host that left or fell silent, without end.

        Silence is measured on our own monotonic clock alone: the server forgets a beat sooner, and
        a disk that stands still for a moment must not cost every worker of a host its epoch.
        Without a connection nobody counts as silent.
        """
        loop = asyncio.get_running_loop()
        seen: dict[str, float] = {}
        async with aclosing(_timed(self._bucket.watch(), lost_s / 4)) as values:
            async for value in values:
                if value is not None:
                    beat = _beat(value)
                    if beat is not None:
                        seen[value.key] = loop.time()
                        yield beat
                    elif not value.has_expired and seen.pop(value.key, None) is not None:
                        yield HostGone(value.key)
                if not self._bucket.bus.is_up:
                    seen = dict.fromkeys(seen, loop.time())
                for host in [host for host, at in seen.items() if loop.time() - at > lost_s]:
                    del seen[host]
                    yield HostGone(host)


@dataclass(frozen=True, slots=True)
class HostGone:
    """A host that left, or did not say anything for too long."""

    host: str


def _beat(value: Value) -> HostBeat | None:
    if value.body is None:
        return None
    try:
        return HostBeat.model_validate_json(value.body)
    except (ValidationError, JidokaError, json.JSONDecodeError):
        return None


async def _timed(values: AsyncGenerator[Value], pause_s: float) -> AsyncGenerator[Value | None]:
    """Yield the values, and None whenever none came for `pause_s`."""
    coming: asyncio.Task[Value] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(values))
            done, _ = await asyncio.wait({coming}, timeout=pause_s)
            if not done:
                yield None
                continue
            value, coming = coming.result(), None
            yield value
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await values.aclose()


async def _next(values: AsyncGenerator[Value]) -> Value:
    return await anext(values)
