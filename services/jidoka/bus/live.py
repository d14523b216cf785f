"""Deltas: what is shown while it happens, at most 20 a second of a call, and never waited for.

They are kept for a quarter of an hour in memory, so that whoever comes late sees the same screen.
They may be lost; the truth is the event that follows them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic import ValidationError

from jidoka.bus import follower
from jidoka.bus.connection import Bus
from jidoka.bus.entries import STRUCTURED, Stored
from jidoka.contract import subjects
from jidoka.contract.envelope import Envelope, dataschema_of, open_stored, type_of, utc
from jidoka.contract.errors import JidokaError, Unavailable
from jidoka.contract.ids import uuid7
from jidoka.contract.live import Delta, LiveKind
from jidoka.contract.redaction import RedactedStream, Redactor

WINDOW_S: Final = 0.05
MOST_WAITING: Final = 4_096
MOST_TEXT_BYTES: Final = 64 * 1024
"""Of one delta; longer text goes out in several."""


class Live(Protocol):
    """Where deltas are shown."""

    async def publish(self, session_id: str, kind: LiveKind, delta: Delta, epoch: int) -> None:
        """Show a delta, without waiting for anybody; where the broker is away it is lost."""
        ...


class NatsLive:
    """Deltas in JIDO_LIVE."""

    def __init__(self, bus: Bus, *, source: str, clock: Callable[[], float] = time.time) -> None:
        self._bus = bus
        self._source = source
        self._clock = clock

    async def publish(self, session_id: str, kind: LiveKind, delta: Delta, epoch: int) -> None:
        """Show a delta, without waiting for anybody; where the broker is away it is lost."""
        body = self._sealed(session_id, kind, delta, epoch).to_json()
        subject = subjects.session_live(session_id, kind)
        try:
            await self._bus.publish(subject, body, headers=STRUCTURED)
        except Unavailable:
            return
        await asyncio.sleep(0)  # else who publishes in a loop starves the writer of the connection

    async def output_of(self, session_id: str, call_id: str) -> str:
        """Return the tool output that a call has shown, as far as it is still there."""
        subject = subjects.session_live(session_id, "tool_output")
        wanted = follower.Filter(subjects.LIVE_STREAM, subject, 0, MOST_WAITING)
        texts: list[str] = []
        async with aclosing(follower.read(self._bus, wanted)) as messages:
            async for stored in messages:
                delta = _delta(stored)
                if delta is not None and delta.call_id == call_id:
                    texts.append(delta.text)
        return "".join(texts)

    def _sealed(self, session_id: str, kind: LiveKind, delta: Delta, epoch: int) -> Envelope:
        now_s = self._clock()
        return Envelope(
            id=uuid7(int(now_s * 1000), os.urandom(10)),
            source=self._source,
            type=type_of(f"live.{kind}"),
            subject=session_id,
            time=utc(now_s),
            dataschema=dataschema_of("live", kind),
            epoch=epoch,
            correlationid=delta.turn_id,
            data=delta.model_dump(),
        )


def _delta(stored: Stored) -> Delta | None:
    """Return the delta in a message, None where it holds none: deltas may be lost."""
    try:
        return Delta.model_validate(open_stored(stored.body).data, extra="ignore")
    except (ValidationError, JidokaError):
        return None


@dataclass(slots=True)
class _Waiting:
    stream: RedactedStream
    offset: int = 0
    text: list[str] = field(default_factory=list[str])


class Coalescer:
    """The deltas of one attempt at one call: the first at once, then one a kind and 50 ms.

    Secrets are struck out, so the last word is held until its end has come.
    """

    def __init__(
        self,
        live: Live,
        session_id: str,
        *,
        turn_id: str,
        call_id: str,
        epoch: int,
        attempt: int = 1,
        window_s: float = WINDOW_S,
        redactor: Redactor | None = None,
    ) -> None:
        self._live = live
        self._session_id = session_id
        self._turn_id = turn_id
        self._call_id = call_id
        self.epoch = epoch
        """Of the worker that waits; a newer one may take the call over while it runs."""
        self._attempt = attempt
        self._window_s = window_s
        self._redactor = redactor or Redactor()
        self._kinds: dict[LiveKind, _Waiting] = {}
        self._timer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Coalescer:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Show what is left."""
        await self.close()

    async def add(self, kind: LiveKind, text: str) -> None:
        """Show `text` now or within 50 ms."""
        if kind not in self._kinds:
            self._kinds[kind] = _Waiting(self._redactor.stream())
        self._kinds[kind].text.append(text)
        if self._timer is None:
            await self._flush()
            self._timer = asyncio.create_task(self._later(), name=f"deltas {self._call_id}")

    async def close(self) -> None:
        """Show what is left and leave no task behind."""
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.wait({self._timer})
        await self._flush(final=True)

    async def _later(self) -> None:
        await asyncio.sleep(self._window_s)
        while any(waiting.text for waiting in self._kinds.values()):
            await self._flush()
            await asyncio.sleep(self._window_s)
        self._timer = None

    async def _flush(self, *, final: bool = False) -> None:
        for kind, waiting in self._kinds.items():
            text = waiting.stream.feed("".join(waiting.text))
            text += waiting.stream.close() if final else ""
            waiting.text.clear()
            for piece in _pieces(text):
                offset = waiting.offset
                waiting.offset += len(piece.encode())
                await self._live.publish(
                    self._session_id, kind, self._delta(offset, piece), self.epoch
                )

    def _delta(self, offset: int, text: str) -> Delta:
        return Delta(
            turn_id=self._turn_id,
            call_id=self._call_id,
            attempt=self._attempt,
            offset=offset,
            text=text,
        )


def _pieces(text: str) -> tuple[str, ...]:
    text = text if text.isascii() else text.encode("utf-8", "replace").decode()  # no half pairs
    size = MOST_TEXT_BYTES // 4  # characters; each is at most four bytes
    return tuple(text[start : start + size] for start in range(0, len(text), size))
