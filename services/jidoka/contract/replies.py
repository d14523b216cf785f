"""What a command is answered with, and the result line of a headless run."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from jidoka.contract.briefing import ContextPart, TodoItem
from jidoka.contract.content import (
    ErrorInfo,
    FileDiff,
    PermissionMode,
    Status,
    TurnOutcome,
    Usage,
)

ACCEPTED = "command.accepted"
REFUSED = "command.refused"
RUN_RESULT = "run.result"


class Reply(BaseModel):
    """The data of a reply; further fields are what the command returns."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)


class CommandAccepted(Reply):
    """The command was recorded, or a question answered.

    The answer to a close or termination has `settled` too: whether it is carried out by now.
    """

    session_id: str | None = None
    sequence: int | None = None
    """The number under which it was recorded in the session."""
    cursor: int | None = None
    """The stream sequence of that event, for plain NATS clients that follow from there."""


class CommandRefused(Reply):
    """The command was refused; nothing was recorded."""

    code: str
    message: str
    retryable: bool
    details: dict[str, Any] = {}


class SessionInfo(Reply):
    """A session as `session.list` and `session.get` show it."""

    session_id: str
    name: str
    project_path: str
    status: Status
    title: str | None = None
    phase: str = "ready"
    model: str = ""
    fallbacks: tuple[str, ...] = ()
    """Models that are asked when that one fails."""
    limits: dict[str, Any] = {}
    """Those that are not what they are by default."""
    permission_mode: str = "ask"
    network: bool = False
    """Whether its commands reach the network."""
    usage: Usage | None = None
    cost_usd: float | None = None
    messages: int = 0
    turns: int = 0
    waiting: tuple[str, ...] = ()
    """Call ids of open questions."""
    worker_pid: int | None = None
    host: str | None = None
    epoch: int = 0
    sequence: int = 0
    owner: str = ""
    error: ErrorInfo | None = None
    degraded: bool = False
    created_at: str | None = None
    updated_at: str | None = None
    metadata: dict[str, Any] = {}


class SessionList(Reply):
    """A page of sessions."""

    sessions: tuple[SessionInfo, ...]
    next: str | None = None


class TurnDiff(Reply):
    """What one turn changed in the project folder."""

    session_id: str
    turn_id: str
    number: int
    """Which turn of the session, from 1."""
    outcome: TurnOutcome
    undone: bool = False
    files: tuple[FileDiff, ...] = ()
    """Sorted by path, at most 2,000."""
    files_total: int = 0
    left_out: tuple[str, ...] = ()
    """Files that were there and are not compared: too large, or a repository of their own."""
    diff: str = ""
    """Unified, at most 512 KiB of it."""


class ContextReport(Reply):
    """Exactly what the model would be sent now, and how much of its window that takes."""

    session_id: str
    model: str = ""
    sequence: int = 0
    """The number of the last event in it."""
    tokens: int
    """Counted by rule, corrected by what the provider counted last."""
    window: int
    window_known: bool = False
    """False: the provider has not said, so it is assumed."""
    percent: float
    compact_at: int
    """Tokens from which the conversation is compacted by itself."""
    compactions: int = 0
    parts: tuple[ContextPart, ...] = ()
    messages: tuple[dict[str, Any], ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    todo: tuple[TodoItem, ...] = ()
    files: tuple[str, ...] = ()
    """Active files."""


class RuleInfo(Reply):
    """A permission rule that holds in a session."""

    rule: str
    """As it is written: `allow shell git status`."""
    source: str
    """`machine` `project`; `session`: it was created or configured with it; `answer` made it."""
    by: str = ""
    at: str | None = None
    revocable: bool = False
    """Whether `permission.revoke` takes it back; the others are changed where they are written."""
    where: str = ""
    """The file or setting, and line, that it is written in; empty: the session's log."""


class OpenQuestion(Reply):
    """A question that waits for an answer."""

    call_id: str
    kind: str
    """`permission`: may this call run? `question`: something that the agent wants to know."""
    tool: str
    arguments: str = ""
    """As the model wrote them."""
    options: tuple[str, ...] = ()
    deadline: str
    default: str = ""


class PermissionList(Reply):
    """What a session may do without asking, and what it asks."""

    session_id: str
    permission_mode: PermissionMode
    network: bool = False
    """Whether its commands reach the network."""
    rules: tuple[RuleInfo, ...] = ()
    """All that hold: of the machine, of the project folder as it is now, and its own."""
    unseen: str = ""
    """Why the rules of machine and project are not among them: no host could say."""
    questions: tuple[OpenQuestion, ...] = ()


class RunResult(Reply):
    """The last line of `jidoka run --output-format stream-json`, and all of `json`."""

    type: str = "result"
    subtype: str
    """`success`, or the outcome of the turn or the code of the error."""
    is_error: bool
    result: str
    session_id: str | None
    outcome: TurnOutcome | None = None
    duration_ms: int
    num_turns: int
    total_cost_usd: float | None
    usage: Usage | None
    error: ErrorInfo | None = None


REPLIES: dict[str, type[Reply]] = {
    ACCEPTED: CommandAccepted,
    REFUSED: CommandRefused,
    RUN_RESULT: RunResult,
    "session.info": SessionInfo,
    "session.page": SessionList,
    "turn.difference": TurnDiff,
    "context.report": ContextReport,
    "permission.page": PermissionList,
}
"""The shapes of answers; the last two are what `session.get` and `session.list` return."""
