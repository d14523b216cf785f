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
    rule: str = ""
    """The rule that wants it; empty: the mode does."""


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Ask a person what the agent wants to know → `question.asked`."""

    call_id: str


@dataclass(frozen=True, slots=True)
class AskBudget:
    """Ask a person whether to go on beyond a budget → `question.asked`."""

    call_id: str
    scope: str
    kind: str


@dataclass(frozen=True, slots=True)
class AwaitAnswer:
    """Wait for the answer; at the deadline → `tool.denied`, of the agent → `question.expired`."""

    call_id: str
    deadline: datetime
    default: str
    is_open_ended: bool = False


@dataclass(frozen=True, slots=True)
class DenyTool:
    """Tell the model that a call was denied → `tool.denied`."""

    call_id: str
    by: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class RefuseRepeat:
    """Tell the model that it repeats itself → `tool.failed`."""

    call_id: str


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
    """When the turn has worked for so long → `turn.limit_reached`."""

    turn_id: str
    limit_s: float
    waited_s: float = 0.0
    """For how long it waited for a person so far: that does not count."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """→ `turn.ended`."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class CheckUndo:
    """See whether files can be put back → `turn.undo_started`, or `turn.undo_refused`."""

    request: int


@dataclass(frozen=True, slots=True)
class PutFilesBack:
    """Put back what differs; again after a crash → `turn.undone` or `turn.redone`."""

    request: int


@dataclass(frozen=True, slots=True)
class Compact:
    """Do the compaction that was asked for → `context.compacted`."""

    request: int
    """The number of the event that asks for it."""


@dataclass(frozen=True, slots=True)
class TitleSession:
    """Give the session a title by what was said first → `session.titled`."""

    title: str


@dataclass(frozen=True, slots=True)
class KeepServer:
    """Keep an MCP server running → `mcp.connected`, `mcp.failed`, until it is not wanted."""

    name: str
    added_at: int
    """The number of the event that asked for it: another one of the name is another server."""


Effect = (
    StartTurn
    | CallModel
    | AskPermission
    | AskPerson
    | AskBudget
    | AwaitAnswer
    | DenyTool
    | RefuseRepeat
    | RunTool
    | RecoverTool
    | ReportInterrupted
    | WatchWall
    | EndTurn
    | CheckUndo
    | PutFilesBack
    | Compact
    | TitleSession
    | KeepServer
)
