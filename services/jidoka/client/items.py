"""What a follower of a session sees: recorded events, and deltas while something happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jidoka.contract.envelope import Envelope
from jidoka.contract.events import Event, UnknownEvent
from jidoka.contract.live import Delta, LiveKind


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event of the log."""

    session_id: str
    sequence: int
    """The session's number of it, from 1."""
    event: Event | UnknownEvent
    envelope: Envelope
    cursor: int = 0
    """Its stream sequence."""
    body: bytes = b""
    """The CloudEvent as it is stored."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A delta: shown while it happens, never the truth."""

    session_id: str
    kind: LiveKind
    delta: Delta
    epoch: int | None
    envelope: Envelope | None = None
    body: bytes = b""


Item = Recorded | Shown


def as_dict(item: Item) -> dict[str, Any]:
    """Return the CloudEvent of an item as JSON values."""
    envelope = item.envelope
    return {} if envelope is None else envelope.model_dump(mode="json", exclude_none=True)
