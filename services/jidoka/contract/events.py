"""What has happened: one class an event type, and the catalogue of all with its writers.

An event is a fact in the past tense. Its class is the `data` of the CloudEvent
`jido.<name>.v1` on `jido.session.<id>.event.<name>`. Every event has exactly one writer.
Models are strict to write (an unknown field is an error) and tolerant to read (it is ignored).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from jidoka.contract.briefing import ContextSource, TodoItem
from jidoka.contract.content import (
    BlobRef,
    BudgetOver,
    Content,
    ErrorInfo,
    FileHash,
    Limits,
    LlmConfig,
    PastEvent,
    PermissionMode,
    Policy,
    SandboxMode,
    Sharing,
    SnapshotRef,
    Status,
    ToolCall,
    TurnOutcome,
    Usage,
)
from jidoka.contract.envelope import problems_of
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.mcp import McpServer


class Writer(StrEnum):
    """The program that alone writes an event."""

    COORDINATOR = "coordinator"
    SESSION_MANAGER = "session-manager"
    WORKER = "worker"


class EventData(BaseModel):
    """The data of one event type."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: ClassVar[str] = ""
    writer: ClassVar[Writer] = Writer.WORKER

    def __init_subclass__(cls, *, name: str = "", writer: Writer | None = None, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.name, cls.writer = name or cls.name, writer or cls.writer


class Commanded(EventData):
    """An event that records a command; the command's id is the envelope's `causationid`."""

    origin: str = ""
    """The `source` of the command: with its id it is recorded once."""


class Redacted(EventData):
    """An event with texts that others wrote; secrets are struck out of it."""

    redactions: int = 0
    """How many placeholders stand for secrets in it."""


# --- the coordinator writes what people asked ----------------------------------------------------


class MessageAccepted(Commanded, Redacted, name="message.accepted", writer=Writer.COORDINATOR):
    """A message for the agent was recorded; it waits until a turn takes it up."""

    message_id: str
    """The command's id, by which it may be edited or withdrawn while it waits."""
    content: Content
    """Text, or a list of parts."""
    policy: Policy = Policy.QUEUE
    """What was asked to happen when a turn runs."""
    author: str = ""
    """Who said it."""
    unattended: bool = False
    """Nobody waits for questions of the turn that takes it up: they take their default at once."""


class MessageEdited(Commanded, Redacted, name="message.edited", writer=Writer.COORDINATOR):
    """A waiting message got another content."""

    message_id: str
    content: Content


class MessageWithdrawn(Commanded, name="message.withdrawn", writer=Writer.COORDINATOR):
    """A waiting message was taken back."""

    message_id: str


class TurnCancelRequested(Commanded, name="turn.cancel_requested", writer=Writer.COORDINATOR):
    """Somebody asked to stop the running turn."""

    turn_id: str
    reason: str = ""


class TurnUndoRequested(Commanded, name="turn.undo_requested", writer=Writer.COORDINATOR):
    """Somebody asked to undo the last turns: their files and what was said in them."""

    turn_ids: tuple[str, ...]
    """The newest first."""
    files: str = "restore"
    """`restore` `force` `keep_mine` `leave`: what becomes of files that a person changed since."""
    again: bool = False
    """Their messages are answered anew."""
    author: str = ""


class TurnRedoRequested(Commanded, name="turn.redo_requested", writer=Writer.COORDINATOR):
    """Somebody asked to bring back what was undone last."""

    turn_ids: tuple[str, ...]
    """The oldest first."""
    files: str = "restore"
    author: str = ""


class TurnRetryRequested(Commanded, name="turn.retry_requested", writer=Writer.COORDINATOR):
    """Somebody asked to go on with a turn that failed or was stopped."""

    turn_id: str
    message_ids: tuple[str, ...] = ()
    """The messages that it had taken up."""
    author: str = ""


class PermissionAnswered(Commanded, name="permission.answered", writer=Writer.COORDINATOR):
    """Somebody answered the question whether a call may run; the first answer wins."""

    call_id: str
    decision: str
    """`allow` or `deny`."""
    remember: bool = False
    """Answer the same for calls like this for the rest of the session."""
    rules: tuple[str, ...] = ()
    """The rules that it makes for that; they are listed and can be taken back."""
    author: str = ""


class PermissionRevoked(Commanded, name="permission.revoked", writer=Writer.COORDINATOR):
    """Somebody took back a rule that an answer had made."""

    rule: str
    author: str = ""


class QuestionAnswered(Commanded, name="question.answered", writer=Writer.COORDINATOR):
    """Somebody answered what the agent asked; the first answer wins."""

    call_id: str
    answer: str
    author: str = ""


class SessionRenamed(Commanded, name="session.renamed", writer=Writer.COORDINATOR):
    """The session got another name."""

    session_name: str


class SessionConfigured(Commanded, name="session.configured", writer=Writer.COORDINATOR):
    """Settings of the session changed; what is null stays as it was."""

    llm: LlmConfig | None = None
    permission_mode: PermissionMode | None = None
    limits: Limits | None = None
    system_prompt: str | None = None
    permissions: tuple[str, ...] | None = None
    """Rules about what may be done, all of them; null: as before."""
    network: bool | None = None
    """Whether commands reach the network from now on; null: as before."""


class FileAdded(Commanded, name="file.added", writer=Writer.COORDINATOR):
    """A file became active: the model has its fresh content in every call."""

    path: str
    """Relative to the project's root."""


class FileRemoved(Commanded, name="file.removed", writer=Writer.COORDINATOR):
    """A file is active no longer."""

    path: str


class ContextCompactionRequested(
    Commanded, name="context.compaction_requested", writer=Writer.COORDINATOR
):
    """Somebody asked for a summary in the place of the conversation so far."""

    instructions: str = ""
    """What the summary should keep."""


class ConversationCleared(Commanded, name="conversation.cleared", writer=Writer.COORDINATOR):
    """The model starts from nothing again; the log keeps the past."""


class SessionCloseRequested(Commanded, name="session.close_requested", writer=Writer.COORDINATOR):
    """Somebody asked to put the session away."""

    reason: str = ""


class SessionTerminationRequested(
    Commanded, name="session.termination_requested", writer=Writer.COORDINATOR
):
    """Somebody asked to end the session for good."""

    reason: str = ""


# --- the session-manager writes lifecycle --------------------------------------------------------


class SessionCreated(Commanded, name="session.created", writer=Writer.SESSION_MANAGER):
    """The session exists: the first event of every log."""

    session_name: str
    project_path: str
    """The real path of the project folder."""
    requested_path: str = ""
    """The path as it was asked for."""
    sharing: Sharing = Sharing.EXCLUSIVE
    worktree_of: str | None = None
    """With a worktree: the folder that it was made from."""
    llm: LlmConfig
    permission_mode: PermissionMode = PermissionMode.ASK
    limits: Limits = Limits()
    sandbox: SandboxMode = SandboxMode.AUTO
    system_prompt: str | None = None
    tools: tuple[str, ...] | None = None
    """The tools that the model may use; null for all."""
    permissions: tuple[str, ...] = ()
    """Rules about what may be done without asking, on one line each: `allow shell git status`."""
    network: bool = False
    """Whether commands reach the network."""
    owner: str = ""
    metadata: dict[str, Any] = {}


class SessionContinued(SessionCreated):
    """A session was born with the conversation of another one."""

    history: tuple[PastEvent, ...]
    """What was said and done there; lifecycle is left out."""


class SessionImported(SessionContinued, name="session.imported", writer=Writer.SESSION_MANAGER):
    """The session exists, with the conversation of an exported one: the first event of its log."""

    imported_from: str
    """The id that it had where it was exported."""
    export_hash: str
    """The SHA-256 of the file."""


class SessionForked(SessionContinued, name="session.forked", writer=Writer.SESSION_MANAGER):
    """The session exists, with the conversation of another one: the first event of its log."""

    forked_from: str
    at: int
    """The number of the last event that was taken over."""
    source_hash: str
    """The SHA-256 of that event."""


class SessionStatusChanged(EventData, name="session.status_changed", writer=Writer.SESSION_MANAGER):
    """The session's status changed. It carries no content: everybody may follow these."""

    status: Status
    previous_status: Status | None = None
    """Null for the birth."""
    reason: str = ""
    """`created` `message` `idle_timeout` `closed` `resumed` `terminate_requested` `crash_limit`
    `host_lost` `age_limit`."""


class WorkerAssigned(EventData, name="worker.assigned", writer=Writer.SESSION_MANAGER):
    """A worker was given the session; from here on only its epoch may speak."""

    host: str
    epoch: Annotated[int, Field(ge=1)]
    reason: str = ""
    machine: str = ""
    """Where that host is."""
    lease_s: float | None = None
    """After so long without the broker the host ends the worker by itself, so that a host on
    another machine may take over; null: only this machine has the folder."""


class WorkerLost(EventData, name="worker.lost", writer=Writer.SESSION_MANAGER):
    """A worker died, froze, or its host vanished."""

    epoch: int
    host: str = ""
    signal: int | None = None
    exit_code: int | None = None
    reason: str = ""
    """`exited` `killed` `frozen` `host_lost`."""


class SessionTerminated(EventData, name="session.terminated", writer=Writer.SESSION_MANAGER):
    """The session has ended for good: the last event."""

    reason: str
    totals: dict[str, Any] = {}
    """Turns, messages, tokens, cost."""
    error: ErrorInfo | None = None


class SessionDeleted(Commanded, name="session.deleted", writer=Writer.SESSION_MANAGER):
    """The session was erased: this tombstone is all that is left of its log."""

    at: AwareDatetime
    by: str
    """Who asked."""
    last_sequence: int
    """The number of the last event before this one."""
    last_hash: str
    """The SHA-256 of that event."""


# --- the worker writes what it does -------------------------------------------------------------


class TurnStarted(EventData, name="turn.started"):
    """The agent took up the waiting messages."""

    turn_id: str
    message_ids: tuple[str, ...]
    retry_of: str | None = None
    """The turn whose messages are answered once more."""


class LlmRequested(Redacted, name="llm.requested"):
    """The model is asked."""

    turn_id: str
    call_id: str
    step: int
    """Which model call of the turn, from 1."""
    attempt: int = 1
    model: str
    message_ids: tuple[str, ...] = ()
    """Messages that steer: taken in before this call."""
    sources: tuple[ContextSource, ...] = ()
    """What the model reads beside the conversation, where it changed since it was last asked."""


class LlmResponded(Redacted, name="llm.responded"):
    """The model's whole answer."""

    turn_id: str
    call_id: str
    step: int
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    """Null when the provider did not say."""
    cost_usd: float | None = None
    """Null when no price is known."""
    model: str
    finish_reason: str = "stop"
    duration_s: float | None = None
    window: int | None = None
    """Tokens that the model reads at most; null when that is not known."""
    context_tokens: int | None = None
    """What it was sent, in tokens by rule: against `usage` it says how far off the rule is."""
    context_hash: str = ""
    """SHA-256 of the messages and tools that it was sent; the log up to the request gives them."""


class LlmFailed(EventData, name="llm.failed"):
    """An attempt to ask the model failed; without `retry_at` it was the last."""

    turn_id: str
    call_id: str
    step: int
    attempt: int
    error: ErrorInfo
    retry_at: AwareDatetime | None = None


class PermissionRequested(Redacted, name="permission.requested"):
    """A call waits for somebody's word."""

    turn_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    risk: str
    """`read` `write` `execute` `unknown`."""
    preview: str = ""
    """The diff or command, for a person."""
    deadline: AwareDatetime
    default: str = "deny"
    rule: str = ""
    """The rule that wants it; empty where the mode does."""


class QuestionAsked(EventData, name="question.asked"):
    """The agent asks a person something, and waits."""

    turn_id: str
    call_id: str
    question: str
    options: tuple[str, ...] = ()
    """Answers to choose from; any other text is an answer too."""
    deadline: AwareDatetime
    default: str = ""
    """What holds when nobody answers in time; empty: the agent is told that nobody did."""
    over: BudgetOver | None = None
    """The limit that is used up, where the question is whether to go on beyond it."""


class QuestionExpired(EventData, name="question.expired"):
    """Nobody answered what the agent asked; the default holds."""

    turn_id: str
    call_id: str
    default: str = ""


class ToolStarted(Redacted, name="tool.started"):
    """A tool is about to run; stored before its effect."""

    turn_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    args_hash: str
    attempt: int = 1
    effect: str
    """`pure` `idempotent` `effect` `unknown`."""
    pre_state: tuple[FileHash, ...] = ()
    """The files it may change, as they were."""
    post_state: tuple[FileHash, ...] = ()
    """The files it is going to write, as it will leave them; empty where nobody can know."""
    snapshot: SnapshotRef | None = None
    """The folder before the turn's first call that may change it; null for every other call."""


class ToolCompleted(Redacted, name="tool.completed"):
    """The tool ran to its end, whatever its exit status."""

    turn_id: str
    call_id: str
    tool: str
    output: str
    """What the model reads: head and tail within 64 KiB."""
    exit_status: int | None = None
    output_bytes: int = 0
    output_ref: BlobRef | None = None
    """The whole output, where the text was cut."""
    changed: tuple[FileHash, ...] = ()
    """The files it wrote, as they are now."""
    duration_s: float | None = None
    recovered: bool = False
    """True when a former worker's run was found complete."""


class ToolFailed(Redacted, name="tool.failed"):
    """The tool could not do its work: refused path, bad arguments, time-out, unknown tool."""

    turn_id: str
    call_id: str
    tool: str
    error: ErrorInfo
    output: str = ""
    duration_s: float | None = None


class ToolInterrupted(Redacted, name="tool.interrupted"):
    """The call may have happened; it is not run again."""

    turn_id: str
    call_id: str
    tool: str
    known: str = ""
    """What is known of it, for the model."""


class ToolDenied(EventData, name="tool.denied"):
    """A person or rule said no."""

    turn_id: str
    call_id: str
    tool: str
    by: str
    """`person` `rule` `default` `mode`."""
    reason: str = ""
    effect: str = ""
    """What the tool does: `pure` `idempotent` `effect` `unknown`."""


class TurnLimitReached(EventData, name="turn.limit_reached"):
    """The turn used up a limit; what is open is settled, then it ends."""

    turn_id: str
    kind: str
    """`wall_s` `tokens` `cost_usd`."""
    used: float
    limit: float


class TodoUpdated(Redacted, name="todo.updated"):
    """The agent changed its list of what is to be done: the whole list, each time."""

    turn_id: str
    call_id: str = ""
    items: tuple[TodoItem, ...] = ()


class ContextCompacted(Redacted, name="context.compacted"):
    """A part of the conversation was replaced for the model; the log keeps it."""

    turn_id: str | None = None
    """The turn that it happened in; null between turns."""
    call_id: str = ""
    """Of the model's call that wrote the summary."""
    reason: str
    """`automatic` `overflow` `asked`."""
    method: str
    """`summary`: it stands for what was said. `cut`: long outputs of tools were cut, since there is
    no summary. `none`: there was nothing to do."""
    through: str = ""
    """The last message, answer or turn, by its id, that this is about; what follows is kept."""
    pieces: int = 0
    """How many messages and answers were there up to it."""
    summary: str = ""
    cut_to: int = 0
    """Characters that are left of each output, where they were cut."""
    tokens_before: int = 0
    tokens_after: int = 0
    model: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    error: ErrorInfo | None = None
    """Why there is no summary."""


class SessionTitled(EventData, name="session.titled"):
    """The agent gave the session a title from its first message."""

    title: str


class TurnEnded(Redacted, name="turn.ended"):
    """The turn is over."""

    turn_id: str
    outcome: TurnOutcome
    answer: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    steps: int = 0
    error: ErrorInfo | None = None
    snapshot: SnapshotRef | None = None
    """The folder as the turn left it; null where no call may have changed it."""


class TurnUndoStarted(EventData, name="turn.undo_started"):
    """Files are about to be put back, by an undo or a redo; stored before the first of them."""

    asked: str
    """`undo` `redo`."""
    turn_ids: tuple[str, ...]
    kept: str | None = None
    """The folder right before, where a person's changes were in the way."""


class TurnUndone(EventData, name="turn.undone"):
    """Turns were undone: the model does not read them any more, their files are as before."""

    turn_ids: tuple[str, ...]
    """The newest first."""
    files: int = 0
    """How many files were put back."""
    paths: tuple[str, ...] = ()
    """Of those the first 100."""
    left: tuple[str, ...] = ()
    """Files that stayed as they were, at most 100: a person's, or they cannot be written."""
    failed: dict[str, str] = {}
    """Of those the ones that could not be written or removed, with the reason."""
    kept: str | None = None
    """The folder right before, where a person's changes were in the way."""
    files_left: bool = False
    """Only the conversation was undone."""
    again: bool = False
    """Their messages are answered anew."""


class TurnRedone(EventData, name="turn.redone"):
    """Turns that were undone are back, their files too."""

    turn_ids: tuple[str, ...]
    """The oldest first."""
    files: int = 0
    paths: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failed: dict[str, str] = {}
    kept: str | None = None
    files_left: bool = False


class TurnUndoRefused(EventData, name="turn.undo_refused"):
    """An undo or redo was not done; unless it was begun, nothing was touched."""

    asked: str
    """`undo` `redo`."""
    turn_ids: tuple[str, ...]
    error: ErrorInfo
    """`file_changed` `snapshot_missing` `project_not_found` `tool_failed`."""
    changed: tuple[str, ...] = ()
    """The files that a person changed since, at most 100."""
    diff: str = ""
    """What the person changed in them, at most 32 KiB."""
    begun: bool = False
    """Some files may have been put back before it failed."""


class McpAdded(Commanded, name="mcp.added", writer=Writer.COORDINATOR):
    """Somebody gave the session an MCP server, or another one of the same name."""

    server: McpServer


class McpRemoved(Commanded, name="mcp.removed", writer=Writer.COORDINATOR):
    """Somebody took an MCP server away."""

    server_name: str


class McpDelayed(EventData, name="mcp.delayed"):
    """A server takes more than a second to start: the model's next call waits for it."""

    server_name: str


class McpConnected(EventData, name="mcp.connected"):
    """A server answered: the model may call its tools."""

    server_name: str
    tools: tuple[str, ...] = ()
    """As the model knows them."""
    left_out: tuple[str, ...] = ()
    """Its tools that cannot be offered, at most 100: name or schema is not usable, or too long."""
    specs: tuple[dict[str, Any], ...] | None = None
    """What the model is told of them, as OpenAI's function tools; null: the same as before."""


class McpFailed(EventData, name="mcp.failed"):
    """A server could not be started or reached, or is gone; the worker tries again."""

    server_name: str
    error: ErrorInfo
    """`mcp_not_ready` `sandbox_unavailable`."""
    attempt: int = 1


Event = (
    MessageAccepted
    | MessageEdited
    | MessageWithdrawn
    | TurnCancelRequested
    | TurnUndoRequested
    | TurnRedoRequested
    | TurnRetryRequested
    | PermissionAnswered
    | PermissionRevoked
    | QuestionAnswered
    | SessionRenamed
    | SessionConfigured
    | ConversationCleared
    | FileAdded
    | FileRemoved
    | ContextCompactionRequested
    | SessionCloseRequested
    | SessionTerminationRequested
    | SessionCreated
    | SessionImported
    | SessionForked
    | SessionStatusChanged
    | WorkerAssigned
    | WorkerLost
    | SessionTerminated
    | SessionDeleted
    | TurnStarted
    | LlmRequested
    | LlmResponded
    | LlmFailed
    | PermissionRequested
    | QuestionAsked
    | QuestionExpired
    | ToolStarted
    | ToolCompleted
    | ToolFailed
    | ToolInterrupted
    | ToolDenied
    | TurnLimitReached
    | TodoUpdated
    | ContextCompacted
    | SessionTitled
    | TurnEnded
    | TurnUndoStarted
    | TurnUndone
    | TurnRedone
    | TurnUndoRefused
    | McpAdded
    | McpRemoved
    | McpDelayed
    | McpConnected
    | McpFailed
)
"""Every event of this version."""

EVENTS: dict[str, type[Event]] = {kind.name: kind for kind in Event.__args__}
"""The catalogue: name → class."""


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a type or version that this build does not know: it passes by."""

    name: str
    data: Any


def open_event(name: str, version: int, data: Any) -> Event | UnknownEvent:
    """Return the typed event; fields that this version does not know are ignored.

    Raises:
        InvalidMessage: a known type whose data does not fit.
    """
    kind = EVENTS.get(name)
    if kind is None or version != 1:
        return UnknownEvent(name, data)
    try:
        return kind.model_validate(data, extra="ignore")
    except ValidationError as problem:
        raise InvalidMessage(problems=problems_of(problem, "data")) from None


def iso(time: datetime) -> str:
    """Return a time as RFC 3339 with `Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
