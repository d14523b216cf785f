"""What the core and the programs need of the world: Protocols of at most five methods.

Adapters implement them (`bus` on NATS and in memory, `store`, `sandbox`, `tools`), `__main__`
pairs them. One test suite runs on every implementation of a port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jidoka.contract.envelope import GENESIS, Envelope
from jidoka.contract.events import Event, UnknownEvent


@dataclass(frozen=True, slots=True)
class Head:
    """Where a session's log stands: what the next append expects."""

    cursor: int = 0
    """Stream sequence of the last event, 0 for none."""
    sequence: int = 0
    """The session's own contiguous number of it."""
    digest: str = GENESIS
    """SHA-256 of its stored bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A recorded event and where it stands."""

    event: Event | UnknownEvent
    envelope: Envelope
    head: Head

    @property
    def sequence(self) -> int:
        """The session's number of this event, from 1."""
        return self.head.sequence

    @property
    def causation_id(self) -> str | None:
        """The id of the command or event that caused it."""
        return self.envelope.causationid

    @property
    def time(self) -> datetime | None:
        """When it was said (UTC); never an order."""
        return self.envelope.time


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is to be recorded; the log adds time, `sequence` and `prevhash`."""

    event: Event
    event_id: str
    """UUIDv7, also the `Nats-Msg-Id`."""
    source: str
    epoch: int | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None


class EventLog(Protocol):
    """All sessions' logs: the truth."""

    async def append(self, session_id: str, draft: Draft, expected: Head) -> tuple[Entry, ...]:
        """Record `draft` right after `expected`; return all entries after it, the own one included.

        Usually that is one entry. After a lost acknowledgement others may stand behind it.

        Raises:
            StaleSequence: somebody was first and the draft is not in; `tail` has what is new.
            Unavailable: the log cannot be reached. TimedOut: unknown, append the same id again.
            StorageFull: nothing was recorded.
            TooLarge: more than the log takes.
        """
        ...

    def read(self, session_id: str, after: Head | None = None) -> AsyncIterator[Entry]:
        """Yield what is recorded after `after` (None: from the start), then end."""
        ...

    def follow(self, session_id: str, after: Head | None = None) -> AsyncIterator[Entry]:
        """Yield what is recorded after `after`, then what comes: no gap, no duplicate, no end."""
        ...

    async def last(self, session_id: str) -> Entry | None:
        """Return the last entry of a session, None where there is none."""
        ...
