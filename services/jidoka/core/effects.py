"""What is to be done: small and hashable, ids instead of payloads.

Whoever performs an effect reads the rest from the state, and ends by appending the event that
makes the effect unwanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StartTurn:
    """Take up the waiting messages → `turn.started`."""

    first_message: str


@dataclass(frozen=True, slots=True)
class CallModel:
    """Ask the model → `llm.requested`, then `llm.responded` or `llm.failed`."""

    turn_id: str
    step: int
    attempt: int
    not_before: datetime | None = None

    @property
    def call_id(self) -> str:
        """The id of the logical call: the same in every attempt and after a crash."""
        return f"{self.turn_id}-{self.step}"


@dataclass(frozen=True, slots=True)
class AskPermission:
    """Ask a person whether a call may run → `permission.requested`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class AwaitAnswer:
    """Wait for the answer; at the deadline the default holds → `tool.denied` when it is no."""

    call_id: str
    deadline: datetime
    default: str


@dataclass(frozen=True, slots=True)
class DenyTool:
    """Tell the model that a call was denied → `tool.denied`."""

    call_id: str
    by: str


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a call → `tool.started`, then one of `tool.completed`, `tool.failed`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class RecoverTool:
    """A file write of a lost worker: compare hashes → `tool.completed`, or run it again."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ReportInterrupted:
    """Say that a call may have happened → `tool.interrupted`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class WatchWall:
    """When the turn's time is up → `turn.limit_reached`."""

    turn_id: str
    limit_s: float


@dataclass(frozen=True, slots=True)
class EndTurn:
    """→ `turn.ended`."""

    turn_id: str


Effect = (
    StartTurn
    | CallModel
    | AskPermission
    | AwaitAnswer
    | DenyTool
    | RunTool
    | RecoverTool
    | ReportInterrupted
    | WatchWall
    | EndTurn
)
