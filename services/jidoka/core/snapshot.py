"""A session folded up to one place of its log, as bytes: so that nobody folds it all again.

A snapshot is a cache. Whoever reads one follows the log from its head, which proves by hash that
it is the same log; one that cannot be read, or is of another version, is as good as none.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from jidoka.core.state import SessionState
from jidoka.core.transcript import Transcript

VERSION = 3
"""Grows with every change of what `SessionState`, `Transcript` or their fold mean."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State and conversation at `state.head`."""

    state: SessionState
    transcript: Transcript
    last_id: str | None = None
    """The id of the event at the head."""
    version: int = VERSION


SNAPSHOT = TypeAdapter(Snapshot)


def dump(snapshot: Snapshot) -> bytes:
    """Return a snapshot as JSON."""
    return SNAPSHOT.dump_json(snapshot)


def load(body: bytes) -> Snapshot | None:
    """Return the snapshot in `body`; None when it is damaged or of another version."""
    try:
        snapshot = SNAPSHOT.validate_json(body)
    except ValidationError:
        return None
    return snapshot if snapshot.version == VERSION else None
