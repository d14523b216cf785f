"""The turns of a session that are over and may be undone, redone or answered anew."""

from __future__ import annotations

from dataclasses import dataclass

from jidoka.contract.content import SnapshotRef, TurnOutcome


@dataclass(frozen=True)
class Span:
    """The folder before the first call that may have changed it, and after the last."""

    before: SnapshotRef
    after: SnapshotRef


@dataclass(frozen=True)
class PastTurn:
    """A turn that is over."""

    turn_id: str
    number: int
    """Counted from 1 in the session; an undone one keeps its number."""
    message_ids: tuple[str, ...]
    outcome: TurnOutcome
    spans: tuple[Span, ...] = ()
    """What may have changed the folder, in order; one more for each time it was gone on with."""


@dataclass(frozen=True)
class Undone:
    """Turns that one undo took back, the oldest first, and how it did."""

    turns: tuple[PastTurn, ...]
    kept: str | None = None
    """The folder right before, where a person's changes were in the way."""
    files_left: bool = False
    """Only the conversation was undone."""


@dataclass(frozen=True)
class Undoing:
    """An undo or redo that is asked for and has no end yet."""

    asked: str
    """`undo` `redo`."""
    request: int
    """The number of the request in the log."""
    turns: tuple[PastTurn, ...]
    """The oldest first."""
    files: str = "restore"
    again: bool = False
    started: bool = False
    """Files are being put back, maybe by a worker that was lost over it."""
    kept: str | None = None
    of: Undone | None = None
    """With a redo: what is brought back."""

    @property
    def turn_ids(self) -> tuple[str, ...]:
        """The turns in the order in which they are taken: the newest first to undo."""
        ids = tuple(turn.turn_id for turn in self.turns)
        return ids if self.asked == "redo" else ids[::-1]


@dataclass(frozen=True)
class Retry:
    """Messages that the next turn answers once more."""

    turn_id: str
    message_ids: tuple[str, ...]
