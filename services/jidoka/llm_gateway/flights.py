"""Calls in flight: who waits for each, and since which epoch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from jidoka.bus.live import Coalescer
from jidoka.contract.internal import LlmCall


@dataclass(slots=True, eq=False)
class Flight:
    """One call on its way, and all that wait for it."""

    call: LlmCall
    epoch: int
    """The newest worker's that waits: its deltas are the ones that faces show."""
    waiters: list[str] = field(default_factory=list[str])
    shown: bool = False
    """Whether anybody may have seen a part of the answer."""
    state: str = "running"
    deltas: Coalescer | None = None
    """What is being shown of the attempt that runs."""
    task: asyncio.Task[None] | None = None
    outcome: bytes | None = None
    """The reply, once there is one."""

    def join(self, waiter: str, epoch: int) -> None:
        """Let one more wait for the answer."""
        self.epoch = max(self.epoch, epoch)
        if self.deltas is not None:
            self.deltas.epoch = self.epoch
        if waiter and waiter not in self.waiters:
            self.waiters.append(waiter)


class Flights:
    """All calls of this process, by call id."""

    def __init__(self) -> None:
        self._by_id: dict[str, Flight] = {}

    def __len__(self) -> int:
        """Return how many calls are in flight."""
        return len(self._by_id)

    def __iter__(self) -> Iterator[Flight]:
        """Yield the calls in flight; they may change meanwhile."""
        return iter(tuple(self._by_id.values()))

    def get(self, call_id: str) -> Flight | None:
        """Return the call, None if it is not in flight here."""
        return self._by_id.get(call_id)

    def begin(self, call: LlmCall, waiter: str) -> Flight:
        """Return the new flight of `call`."""
        flight = self._by_id[call.call_id] = Flight(call, call.epoch)
        flight.join(waiter, call.epoch)
        return flight

    def end(self, flight: Flight) -> None:
        """Forget a flight that has its outcome."""
        if self._by_id.get(flight.call.call_id) is flight:
            del self._by_id[flight.call.call_id]
