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

from jidoka.contract.content import (
    BlobRef,
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
    Status,
    ToolCall,
    TurnOutcome,
    Usage,
)
from jidoka.contract.envelope import problems_of
from jidoka.contract.errors import InvalidMessage


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


# --- the coordinator writes what people asked ----------------------------------------------------


class MessageAccepted(Commanded, name="message.accepted", writer=Writer.COORDINATOR):
    """A message for the agent was recorded; it waits until a turn takes it up."""

    message_id: str
    """The command's id, by which it may be edited or withdrawn while it waits."""
    content: Content
    """Text, or a list of parts."""
    policy: Policy = Policy.QUEUE
    """What was asked to happen when a turn runs."""
    author: str = ""
    """Who said it."""


class MessageEdited(Commanded, name="message.edited", writer=Writer.COORDINATOR):
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


class PermissionAnswered(Commanded, name="permission.answered", writer=Writer.COORDINATOR):
    """Somebody answered the question whether a call may run; the first answer wins."""

    call_id: str
    decision: str
    """`allow` or `deny`."""
    remember: bool = False
    """Answer the same for calls like this for the rest of the session."""
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


class LlmRequested(EventData, name="llm.requested"):
    """The model is asked."""

    turn_id: str
    call_id: str
    step: int
    """Which model call of the turn, from 1."""
    attempt: int = 1
    model: str
    message_ids: tuple[str, ...] = ()
    """Messages that steer: taken in before this call."""


class LlmResponded(EventData, name="llm.responded"):
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


class LlmFailed(EventData, name="llm.failed"):
    """An attempt to ask the model failed; without `retry_at` it was the last."""

    turn_id: str
    call_id: str
    step: int
    attempt: int
    error: ErrorInfo
    retry_at: AwareDatetime | None = None


class PermissionRequested(EventData, name="permission.requested"):
    """A call waits for somebody's word."""

    turn_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    risk: str
    """`read` `write` `execute`."""
    preview: str = ""
    """The diff or command, for a person."""
    deadline: AwareDatetime
    default: str = "deny"


class ToolStarted(EventData, name="tool.started"):
    """A tool is about to run; stored before its effect."""

    turn_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    args_hash: str
    attempt: int = 1
    effect: str
    """`pure` `idempotent` `effect`."""
    pre_state: tuple[FileHash, ...] = ()
    """The files it may change, as they were."""
    post_state: tuple[FileHash, ...] = ()
    """The files it is going to write, as it will leave them; empty where nobody can know."""


class ToolCompleted(EventData, name="tool.completed"):
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


class ToolFailed(EventData, name="tool.failed"):
    """The tool could not do its work: refused path, bad arguments, time-out, unknown tool."""

    turn_id: str
    call_id: str
    tool: str
    error: ErrorInfo
    output: str = ""
    duration_s: float | None = None


class ToolInterrupted(EventData, name="tool.interrupted"):
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


class TurnLimitReached(EventData, name="turn.limit_reached"):
    """The turn used up a limit; what is open is settled, then it ends."""

    turn_id: str
    kind: str
    """`wall_s` `tokens` `cost_usd`."""
    used: float
    limit: float


class SessionTitled(EventData, name="session.titled"):
    """The agent gave the session a title from its first message."""

    title: str


class TurnEnded(EventData, name="turn.ended"):
    """The turn is over."""

    turn_id: str
    outcome: TurnOutcome
    answer: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    steps: int = 0
    error: ErrorInfo | None = None


Event = (
    MessageAccepted
    | MessageEdited
    | MessageWithdrawn
    | TurnCancelRequested
    | PermissionAnswered
    | SessionRenamed
    | SessionConfigured
    | ConversationCleared
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
    | ToolStarted
    | ToolCompleted
    | ToolFailed
    | ToolInterrupted
    | ToolDenied
    | TurnLimitReached
    | SessionTitled
    | TurnEnded
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
