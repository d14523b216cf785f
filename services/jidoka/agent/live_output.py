"""A tool's output, shown while it runs: coalesced, bounded, never waited for by the tool."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from typing import Protocol

from jidoka.contract import subjects
from jidoka.contract.envelope import CONTENT_TYPE, CONTENT_TYPE_HEADER, Envelope, type_of, utc
from jidoka.contract.errors import JidokaError
from jidoka.contract.ids import uuid7
from jidoka.contract.live import Delta

_EVERY_S = 0.05
_MOST_CHARACTERS = 64 * 1024
"""Of one delta; what comes faster than that is left out here, the event has head and tail."""


class Link(Protocol):
    """A connection to the bus."""

    async def publish(
        self, subject: str, body: bytes, *, headers: dict[str, str] | None = None
    ) -> None:
        """Send without waiting for anybody."""
        ...


@dataclass(slots=True)
class LiveOutput:
    """The live output of one call."""

    link: Link
    source: str
    session_id: str
    epoch: int
    turn_id: str
    call_id: str
    attempt: int
    _pieces: list[str] = field(default_factory=list)
    _waiting: int = 0
    _offset: int = 0
    _sender: asyncio.Task[None] | None = None

    def write(self, text: str) -> None:
        """Take the next piece; never waits."""
        if self._waiting < _MOST_CHARACTERS:
            self._pieces.append(text[: _MOST_CHARACTERS - self._waiting])
        else:
            self._offset += len(text.encode("utf-8", "replace"))
        self._waiting += len(text)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._later(), name="output")

    async def close(self) -> None:
        """Send what is left and end the sender."""
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None
        await self._send()

    async def _later(self) -> None:
        await asyncio.sleep(_EVERY_S)
        self._sender = None
        await self._send()

    async def _send(self) -> None:
        text = "".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if not text:
            return
        offset, self._offset = self._offset, self._offset + len(text.encode("utf-8", "replace"))
        delta = Delta(
            turn_id=self.turn_id,
            call_id=self.call_id,
            attempt=self.attempt,
            offset=offset,
            text=text,
        )
        try:
            await self.link.publish(
                subjects.session_live(self.session_id, "tool_output"),
                self._event(delta).to_json(),
                headers={CONTENT_TYPE_HEADER: CONTENT_TYPE},
            )
        except JidokaError:
            return  # it was for looking at; the truth is in the event

    def _event(self, delta: Delta) -> Envelope:
        now_s = time.time()
        return Envelope(
            id=uuid7(int(now_s * 1000), os.urandom(10)),
            source=self.source,
            type=type_of("live.tool_output"),
            subject=self.session_id,
            time=utc(now_s),
            epoch=self.epoch,
            correlationid=self.turn_id,
            data=delta.model_dump(),
        )
