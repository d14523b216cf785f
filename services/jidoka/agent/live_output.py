"""A tool's output, shown while it runs: coalesced, bounded, never waited for by the tool.

Secrets are struck out before. Where pieces are left out, what comes next is shown from its next
line on: a secret of which the beginning was left out would not be known by its rest.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from jidoka.contract.live import Delta, LiveKind
from jidoka.contract.private_keys import after_key, ends_in_key
from jidoka.contract.redaction import RedactedStream, Redactor

_EVERY_S = 0.05
_MOST_CHARACTERS = 64 * 1024
"""Of one delta; what comes faster than that is left out here, the event has head and tail."""

_EDGE_CHARACTERS = 10


class Live(Protocol):
    """Where deltas are shown."""

    async def publish(self, session_id: str, kind: LiveKind, delta: Delta, epoch: int) -> None:
        """Show a delta, without waiting for anybody."""
        ...


@dataclass(slots=True)
class LiveOutput:
    """The live output of one call."""

    live: Live
    session_id: str
    epoch: int
    turn_id: str
    call_id: str
    attempt: int
    redactor: Redactor = field(default_factory=Redactor)
    _stream: RedactedStream | None = None
    _gap: bool = False
    """The last that was printed was left out."""
    _in_key: bool = False
    """And it ended within a private key."""
    _edge: str = ""
    """Its last letters: the beginning of a key may be printed in two pieces."""
    _pieces: list[str] = field(default_factory=list)
    _waiting: int = 0
    _left_out: int = 0
    _offset: int = 0
    _sender: asyncio.Task[None] | None = None

    def write(self, text: str) -> None:
        """Take the next piece; never waits."""
        room = _MOST_CHARACTERS - self._waiting
        clean = self._clean(text) if room > 0 else ""
        self._take(clean[:room])
        if room <= 0:
            self._leave_out(text, text)
        elif len(clean) > room:
            self._leave_out(clean[room:], text)
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._later(), name="output")

    def _clean(self, text: str) -> str:
        if self._gap:
            rest = self._resumed(text)
            self._left_out += _size(text[: len(text) - len(rest)])
            self._gap, self._in_key = not rest, self._in_key and not rest
            text = rest
        self._stream = self._stream or self.redactor.stream()
        return self._stream.feed(text)

    def _resumed(self, text: str) -> str:
        """Return what may be shown of the first text after a gap, or empty."""
        if not self._in_key:
            line, _, rest = text.partition("\n")
            self._in_key = ends_in_key(self._edge + line, before=False)
            self._edge = line[-_EDGE_CHARACTERS:]
            if not self._in_key:
                return rest
            text = rest
        return after_key(text)

    def _take(self, text: str) -> None:
        self._pieces.append(text)
        self._waiting += len(text)

    def _leave_out(self, rest: str, printed: str) -> None:
        self._left_out += _size(rest)
        self._in_key = ends_in_key(self._edge + printed, before=self._in_key)
        self._edge = printed[-_EDGE_CHARACTERS:]
        self._stream, self._gap = None, True

    async def close(self) -> None:
        """Send what is left and end the sender."""
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None
        if self._stream is not None:
            self._take(self._stream.close())
        await self._send()

    async def _later(self) -> None:
        await asyncio.sleep(_EVERY_S)
        self._sender = None
        await self._send()

    async def _send(self) -> None:
        text = "".join(self._pieces)
        offset, self._offset = self._offset, self._offset + _size(text) + self._left_out
        self._pieces.clear()
        self._waiting = self._left_out = 0
        if not text:
            return
        delta = Delta(
            turn_id=self.turn_id,
            call_id=self.call_id,
            attempt=self.attempt,
            offset=offset,
            text=text,
        )
        await self.live.publish(self.session_id, "tool_output", delta, self.epoch)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
