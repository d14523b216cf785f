"""Requests between our own programs. Not a promise to others; they travel as plain JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from jidoka.contract.content import ErrorInfo, FileDiff, LlmConfig, ToolCall, Usage
from jidoka.contract.replies import RuleInfo


class Message(BaseModel):
    """A request or answer between programs: tolerant, so that versions can differ."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class LlmCall(Message):
    """worker → llm-gateway, on `jido.llm.complete` or, in flight, `jido.llm.call.<call_id>`."""

    call_id: str
    """One logical call: the same in every attempt, and after a crash."""
    attempt: int = 1
    session_id: str
    turn_id: str
    epoch: int
    owner: str = ""
    llm: LlmConfig
    project_path: str = ""
    """For relative paths of `scripted:FILE`."""
    messages: tuple[dict[str, Any], ...] = ()
    """In the shape of OpenAI's chat completions."""
    messages_ref: str | None = None
    """A blob that holds the JSON of `messages` where they are more than 256 KiB."""
    tools: tuple[dict[str, Any], ...] = ()
    step: int = 1
    """Which model call of the turn, from 1: the scripted model plays by it."""
    quiet: bool = False
    """Nobody is shown the answer while it comes."""
    raised: dict[str, float] = {}
    """By how much people raised the owner's limits in this session, by kind."""
    fresh: bool = False
    """Certainly never asked before, so no remembered answer has to be looked for."""


class LlmCancel(Message):
    """worker → llm-gateway, on `jido.llm.cancel.<call_id>`: nobody wants the answer any more."""

    epoch: int = 0
    """Of the worker that says so: it does not speak for a newer one that waits."""


class LlmLimit(Message):
    """llm-gateway → the other gateways, on `jido.llm.limits`: a provider says 429."""

    source: str
    """Which gateway was told."""
    lane: str
    """The provider's server and the reference of the key."""
    wait_s: float = Field(ge=0, le=3_600)


class LlmSpent(Message):
    """llm-gateway → the other gateways, on `jido.llm.spent`: what a call took of its owner's."""

    source: str
    owner: str
    tokens: int = Field(ge=0)
    cost_usd: float = Field(ge=0)


class LlmModelsRequest(Message):
    """anyone of ours → llm-gateway, on `jido.llm.models`: what would a call use?"""

    llm: LlmConfig = LlmConfig()
    project_path: str = ""
    owner: str = ""


class LlmModels(Message):
    """llm-gateway → who asked: the model that would speak, or why none can."""

    provider: str = ""
    model: str = ""
    full_name: str = ""
    """`provider/model`, as a person writes it."""
    api_base: str | None = None
    api_key_ref: str | None = None
    window: int | None = None
    """Tokens that the model reads at most; null: unknown."""
    needs_weights: bool = False
    """The embedded model is installed, its file is not joined yet: the first call takes longer."""
    known: tuple[str, ...] = ()
    """Names of providers that have a key or need none."""


class LlmProgress(Message):
    """llm-gateway → worker, on the reply inbox, at once and then every 5 s."""

    kind: Literal["progress"] = "progress"
    state: str = "running"


class LlmAnswer(Message):
    """llm-gateway → worker: the whole answer. Kept by call id until it expires."""

    kind: Literal["answer"] = "answer"
    call_id: str
    content: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    cost_usd: float | None = None
    model: str = ""
    finish_reason: str = "stop"
    duration_s: float = 0.0
    window: int | None = None
    """Tokens that the model reads at most; null: unknown."""
    content_ref: str | None = None
    """A blob that holds this whole answer where it is more than 256 KiB."""


class LlmFailure(Message):
    """llm-gateway → worker: this attempt failed."""

    kind: Literal["failure"] = "failure"
    call_id: str
    error: ErrorInfo


class WorkerStart(Message):
    """session-manager → agent-host, on `jido.host.<host>.worker.start`."""

    session_id: str
    epoch: int
    project_path: str
    sandbox: str = "auto"
    shared: bool = False
    """Whether several workers may hold the project's folder at once."""


class WorkerStop(Message):
    """session-manager → agent-host: end this worker, by force after `grace_s`."""

    session_id: str
    epoch: int
    grace_s: float = 10.0
    reason: str = ""


class Settle(Message):
    """coordinator → session-manager, on `jido.manager.session.settle`: carry out what is recorded.

    Answered `{"ok": true}` when the close or termination is done.
    """

    session_id: str


class WorkerState(Message):
    """A worker as its host knows it."""

    session_id: str
    epoch: int
    pid: int
    started_ticks: int = 0
    """Start time of the process in clock ticks: with the pid it names one process."""


class WorkerReady(Message):
    """worker → session-manager: it lives and listens."""

    session_id: str
    epoch: int
    host: str
    pid: int


class WorkerExited(Message):
    """agent-host → session-manager: a worker is gone, seen by waiting for it."""

    session_id: str
    epoch: int
    host: str
    pid: int
    exit_code: int | None = None
    signal: int | None = None
    frozen: bool = False


class HostBeat(Message):
    """agent-host → bucket of hosts, every second; it expires after two to three."""

    host: str
    machine: str = ""
    """Hosts on one machine see the same folders and each other's locks."""
    shared_folders: tuple[str, ...] = ()
    """Folders that hosts on other machines have too, at the same path."""
    lease_s: float | None = None
    """After so long without the broker it ends its workers in those folders."""
    pid: int
    workers: int = 0
    capacity: int = Field(default=256, ge=0)
    sandbox: str = ""
    """The layer that works there, or `none`."""


class DiffAsked(Message):
    """coordinator → agent-host, on `jido.host.<host>.turn.diff`: what did a turn change?"""

    session_id: str
    project_path: str
    spans: tuple[tuple[str, str], ...]
    """Snapshots before and after, one pair for each time that the turn was gone on with."""


class DiffAnswer(Message):
    """agent-host → coordinator."""

    error: ErrorInfo | None = None
    files: tuple[FileDiff, ...] = ()
    files_total: int = 0
    diff: str = ""


class FileAsked(Message):
    """coordinator → agent-host, on `jido.host.<host>.file.look`: is there such a file?"""

    project_path: str
    path: str


class RulesAsked(Message):
    """coordinator → agent-host, on `jido.host.<host>.rules.list`: which rules hold from outside?"""

    project_path: str


class RulesAnswer(Message):
    """agent-host → coordinator."""

    error: ErrorInfo | None = None
    rules: tuple[RuleInfo, ...] = ()
    """Of the machine, and of the project folder as it is now."""


class ContextAsked(Message):
    """coordinator → agent-host, on `jido.host.<host>.context.get`: what would the model be sent?"""

    session_id: str
    include: tuple[str, ...] = ()


class HostReply(Message):
    """The answer of a host or manager to an internal request."""

    ok: bool = True
    error: ErrorInfo | None = None
    pid: int | None = None
    workers: tuple[WorkerState, ...] = ()
