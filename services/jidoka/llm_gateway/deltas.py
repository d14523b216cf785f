"""Deltas of the calls in flight: the first at once, then at most one a kind, call and 50 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from jidoka.contract.internal import LlmCall
from jidoka.contract.live import Delta, LiveKind

WINDOW_S: Final = 0.05


class Live(Protocol):
    """Where deltas are shown."""

    async def publish(self, session_id: str, kind: LiveKind, delta: Delta, epoch: int) -> None:
        """Show a delta, without waiting for anybody."""
        ...


@dataclass(slots=True)
class _Lane:
    """One kind of one call: what is shown, and what waits to be."""

    offset: int = 0
    waiting: list[str] = field(default_factory=list[str])

    def take(self) -> tuple[int, str]:
        """Return where the waiting text begins, in bytes, and the text; nothing waits after."""
        at, text = self.offset, "".join(self.waiting)
        self.waiting.clear()
        self.offset += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        return at, text


class Shown:
    """The deltas of one attempt at a call."""

    def __init__(self, live: Live, call: LlmCall, epoch: Callable[[], int]) -> None:
        self._live = live
        self._call = call
        self._epoch = epoch
        self._lanes: dict[LiveKind, _Lane] = {}
        self._due_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None

    @property
    def anything(self) -> bool:
        """Whether anybody may have seen a part of this attempt."""
        return bool(self._lanes)

    async def add(self, kind: LiveKind, text: str) -> None:
        """Show `text` now or within 50 ms."""
        lane = self._lanes.get(kind)
        if lane is None:
            lane = self._lanes[kind] = _Lane()
        lane.waiting.append(text)
        loop = asyncio.get_running_loop()
        if loop.time() >= self._due_at:
            await self.flush()
            self._due_at = loop.time() + WINDOW_S
        elif self._timer is None:
            self._timer = loop.call_at(self._due_at, self._wake)

    async def flush(self) -> None:
        """Show all that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for kind, lane in self._lanes.items():
            if lane.waiting:
                at, text = lane.take()
                await self._live.publish(
                    self._call.session_id, kind, self._delta(at, text), self._epoch()
                )
        await asyncio.sleep(0)  # else a stream that never pauses starves the connection's writer

    async def close(self) -> None:
        """Show the rest, and leave no timer behind."""
        if self._flushing is not None:
            await self._flushing
        await self.flush()

    def _wake(self) -> None:
        self._timer = None
        self._due_at = asyncio.get_running_loop().time() + WINDOW_S
        name = f"deltas {self._call.call_id}"
        self._flushing = asyncio.get_running_loop().create_task(self.flush(), name=name)

    def _delta(self, offset: int, text: str) -> Delta:
        return Delta(
            turn_id=self._call.turn_id,
            call_id=self._call.call_id,
            attempt=self._call.attempt,
            offset=offset,
            text=text,
        )
