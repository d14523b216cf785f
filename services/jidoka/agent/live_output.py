"""A tool's output, shown while it runs: coalesced, bounded, never waited for by the tool."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from jidoka.contract.live import Delta, LiveKind

_EVERY_S = 0.05
_MOST_CHARACTERS = 64 * 1024
"""Of one delta; what comes faster than that is left out here, the event has head and tail."""


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
    _pieces: list[str] = field(default_factory=list)
    _waiting: int = 0
    _left_out: int = 0
    _offset: int = 0
    _sender: asyncio.Task[None] | None = None

    def write(self, text: str) -> None:
        """Take the next piece; never waits."""
        shown = text[: _MOST_CHARACTERS - self._waiting]
        self._pieces.append(shown)
        self._waiting += len(shown)
        self._left_out += _size(text[len(shown) :])
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
