"""What the session-manager needs of the world, beside the registry: ports."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from typing import Protocol

from jidoka.contract.content import LlmConfig
from jidoka.contract.internal import HostBeat, HostReply, WorkerStart, WorkerStop
from jidoka.core.ports import Draft, Entry, Head


class Logs(Protocol):
    """All sessions' logs: `bus.event_log`, or its twin in memory."""

    async def append(self, session_id: str, draft: Draft, expected: Head) -> tuple[Entry, ...]:
        """Record `draft` right after `expected`; return what is new; see `core.ports.EventLog`."""
        ...

    def follow_all(self, after_cursor: int = 0) -> AsyncGenerator[tuple[str, Entry]]:
        """Yield session id and entry of all events after a stream sequence, without end."""
        ...

    def read(self, session_id: str, after: Head | None = None) -> AsyncGenerator[Entry]:
        """Yield what is recorded of a session after `after` (None: from the start), then end."""
        ...

    async def last(self, session_id: str) -> Entry | None:
        """Return the last entry of a session, None where there is none."""
        ...


class Eraser(Protocol):
    """What takes away all that is kept of a session."""

    async def erase(self, session_id: str, before_cursor: int) -> None:
        """Erase the events before a stream sequence, and whatever else is kept of the session.

        Raises:
            Unavailable, TimedOut: a part may be left; the same again erases it.
        """
        ...


class Hosts(Protocol):
    """The agent hosts."""

    def alive(self) -> Collection[HostBeat]:
        """Return the last word of every host that shows signs of life."""
        ...

    def silent_s(self, host: str) -> float:
        """Return how long a host has not been heard, at most since we listen."""
        ...

    async def start(self, host: str, start: WorkerStart) -> HostReply:
        """Start a worker, or find the one that runs; an older one is ended first.

        Raises:
            Unavailable, TimedOut: the host did not answer.
        """
        ...

    async def stop(self, host: str, stop: WorkerStop) -> HostReply:
        """End a worker and see it gone. Raises what `start` raises."""
        ...

    async def workers(self, host: str) -> HostReply:
        """Return the workers that live there. Raises what `start` raises."""
        ...


class Models(Protocol):
    """Who knows which model would speak."""

    async def resolved(self, llm: LlmConfig, project_path: str, owner: str) -> LlmConfig:
        """Return `llm` with the model that would speak; as it is when nobody can tell now.

        Raises:
            Refused: no model can speak: an unknown provider or model, or no key.
        """
        ...
