"""What is known of a session at one place of its log. Every change of it is in `core.session`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from jidoka.contract.content import (
    ErrorInfo,
    Limits,
    LlmConfig,
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
from jidoka.core.allowance import Pause, Raised
from jidoka.core.attention import Attention
from jidoka.core.past_turns import PastTurn, Retry, Undoing, Undone
from jidoka.core.ports import Head
from jidoka.core.recorded import Recorded
from jidoka.core.servers import Server

OPEN = frozenset({Status.INITIALIZING, Status.ACTIVE, Status.IDLE, Status.TERMINATING})
AT_REST = frozenset({Status.IDLE, Status.CLOSED, Status.TERMINATED})
"""A worker that is still there leaves."""
LIVE = frozenset({Status.INITIALIZING, Status.ACTIVE})
"""A worker should be there."""


class Phase(StrEnum):
    """Where the turn is."""

    READY = "ready"
    THINKING = "thinking"
    ACTING = "acting"
    WAITING = "waiting"


@dataclass(frozen=True)
class Waiting:
    """A message that no turn has taken up."""

    message_id: str
    policy: Policy
    sequence: int
    unattended: bool = False
    """Nobody is there to answer questions about it."""


@dataclass(frozen=True)
class Question:
    """A call that waits for somebody's word."""

    deadline: datetime
    default: str
    answer: str | None = None
    answered_by: str = ""
    is_open_ended: bool = False
    """The agent asks something; otherwise it is about whether a call may run."""
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answered:
    """A question that has its answer."""

    call_id: str
    answer: str
    by: str
    """Who answered; `default` when nobody did in time."""
    at: datetime | None = None


@dataclass(frozen=True)
class Remembered:
    """A rule that an answer made."""

    rule: str
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class OpenCall:
    """A tool call without a recorded end."""

    call: ToolCall
    started_in: int | None = None
    """The epoch that stored `tool.started`, None before."""
    started_at: datetime | None = None
    attempt: int = 0
    effect: str = "effect"
    pre_state: tuple[tuple[str, str | None], ...] = ()
    """Path and sha-256 of what it may change, before."""
    post_state: tuple[tuple[str, str | None], ...] = ()
    """The same of what it writes, after."""
    question: Question | None = None

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self.call.call_id

    @property
    def asks(self) -> bool:
        """Whether it waits for an answer."""
        return self.question is not None and self.question.answer is None


@dataclass(frozen=True)
class Repeat:
    """The last call of a turn, and how often in a row it was made: `core.repeats`."""

    call: str = ""
    """Digest of tool and arguments."""
    result: str = ""
    """Digest of what came of it."""
    runs: int = 0
    """How often in a row it came to that."""
    told: int = 0
    """In how many answers the model was told."""
    told_in: int = 0
    """The last of these answers."""


@dataclass(frozen=True)
class Turn:
    """A running turn."""

    turn_id: str
    message_ids: tuple[str, ...]
    started_at: datetime | None = None
    waited_s: float = 0.0
    """For how long it did nothing but wait for a person."""
    waits_since: datetime | None = None
    """And since when it does so again: `core.working_time`."""
    step: int = 0
    """Answers of the model so far."""
    attempt: int = 1
    """Which try of the next answer."""
    requested: tuple[int, int] | None = None
    """Step and attempt of the last `llm.requested`."""
    retry_at: datetime | None = None
    calls: tuple[OpenCall, ...] = ()
    answer: str = ""
    answered: bool = False
    """The last answer asked for no tool."""
    cuts: int = 0
    """Answers without a tool call, the last ones in a row, that ended at their limit of tokens."""
    stopping: TurnOutcome | None = None
    error: ErrorInfo | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    denied: int = 0
    unattended: bool = False
    """Questions of this turn take their default at once."""
    before: SnapshotRef | None = None
    """The folder before the first call that may change it."""
    retry_of: str | None = None
    pause: Pause | None = None
    """The last question whether to go on beyond a budget."""
    pauses: int = 0
    repeat: Repeat = field(default_factory=Repeat)
    """The last call, and how often in a row it was made."""


@dataclass(frozen=True)
class Totals:
    """What a session has used."""

    messages: int = 0
    turns: int = 0
    usage: Usage | None = None
    cost_usd: float | None = None


@dataclass(frozen=True)
class SessionState:
    """All that decisions about a session need; the conversation is a projection of its own."""

    session_id: str = ""
    head: Head = field(default_factory=Head)
    status: Status | None = None
    status_reason: str = ""
    name: str = ""
    title: str | None = None
    project_path: str = ""
    requested_path: str = ""
    sharing: Sharing = Sharing.EXCLUSIVE
    worktree_of: str | None = None
    llm: LlmConfig = field(default_factory=LlmConfig)
    permission_mode: PermissionMode = PermissionMode.ASK
    limits: Limits = field(default_factory=Limits)
    sandbox: SandboxMode = SandboxMode.AUTO
    system_prompt: str | None = None
    tools: tuple[str, ...] | None = None
    owner: str = ""
    metadata: dict[str, object] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    newer: str = ""
    """Type and version of an event that only a newer build understands; nothing may be added."""
    epoch: int = 0
    host: str = ""
    worker_wanted: bool = False
    """A worker was assigned, and the session was not put to rest since."""
    worker_lost: bool = False
    """The worker of `epoch` is known to be gone."""
    losses: tuple[datetime, ...] = ()
    """When the last workers were lost, at most 32."""
    inbox: tuple[Waiting, ...] = ()
    turn: Turn | None = None
    done: tuple[PastTurn, ...] = ()
    """Turns that may be undone, the oldest first, at most 100."""
    undone: tuple[Undone, ...] = ()
    """What may be redone, the last one first to go."""
    undoing: Undoing | None = None
    retry: Retry | None = None
    permissions: tuple[str, ...] = ()
    """Rules that the session was created or configured with, as they are written."""
    remembered: tuple[Remembered, ...] = ()
    """Rules that answers made, the oldest first; they can be taken back."""
    answers: tuple[Answered, ...] = ()
    """The last questions that were answered, so that who comes late is told."""
    network: bool = False
    """Whether commands reach the network."""
    attention: Attention = field(default_factory=Attention)
    servers: tuple[Server, ...] = ()
    """Its MCP servers."""
    closing: str | None = None
    """`close` or `terminate` was asked for and is not done."""
    end_reason: str = ""
    error: ErrorInfo | None = None
    totals: Totals = field(default_factory=Totals)
    raised: tuple[Raised, ...] = ()
    """Limits that people raised when they were reached."""
    recorded: Recorded = field(default_factory=Recorded)

    @property
    def phase(self) -> Phase:
        """Where the turn is; see the module's theory of operation."""
        if self.turn is None:
            return Phase.READY
        if not self.turn.calls:
            asks = self.turn.pause is not None and self.turn.pause.answer is None
            return Phase.WAITING if asks else Phase.THINKING
        return Phase.WAITING if all(call.asks for call in self.turn.calls) else Phase.ACTING

    @property
    def is_open(self) -> bool:
        """Whether the session counts against the limit and holds its folder."""
        return self.status in OPEN

    def call(self, call_id: str) -> OpenCall | None:
        """Return an open call by its id."""
        calls = self.turn.calls if self.turn else ()
        return next((call for call in calls if call.call_id == call_id), None)
