"""Every error that crosses a border of the system, with its stable code.

    JidokaError
    ├── Refused    the caller can change something: fix the request and ask again
    ├── Failed     ours: nothing the caller said is wrong
    └── Upstream   a third's: a provider, a plug-in, a server of somebody else

A class is one code; a code is never renamed or reused, and its fields only grow. The class
docstring is the message: it names the field and says what to do next. `retryable` tells whether
the same request may succeed later, `exit_code` is what the command line ends with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform, get_type_hints

if TYPE_CHECKING:
    from pydantic import BaseModel


def _shown(value: Any) -> Any:
    """Return a field as the message shows it: several values as a list in words."""
    return ", ".join(str(item) for item in value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


@dataclass_transform(kw_only_default=True, eq_default=False)
class _Fields(Exception):  # noqa: N818 - it is no error by itself
    """Make every subclass a keyword-only dataclass, so that an error is fields before text."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(kw_only=True, eq=False, repr=False)(cls)


class JidokaError(_Fields):
    """Something went wrong."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    inside: ClassVar[frozenset[str]] = frozenset()
    """Fields that never leave the process."""

    def details(self) -> dict[str, Any]:
        """Return the fields of this error as JSON values."""
        return {name: getattr(self, name) for name in _fields_of(type(self))}

    @property
    def message(self) -> str:
        """The docstring with the fields filled in."""
        text = _text_of(type(self))
        return text.format_map({name: _shown(value) for name, value in self.details().items()})

    def __str__(self) -> str:
        """Return the message a person reads."""
        return self.message

    def as_dict(self) -> dict[str, Any]:
        """Return `{code, message, retryable, details}`, the shape of an error on every face."""
        return {
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "details": self.details(),
        }


@cache  # a list of sessions may show a thousand errors
def _fields_of(kind: type[JidokaError]) -> tuple[str, ...]:
    names = (field.name for field in fields(kind))  # pyright: ignore[reportArgumentType]
    return tuple(name for name in names if name not in kind.inside)


@cache
def _text_of(kind: type[JidokaError]) -> str:
    return " ".join((kind.__doc__ or kind.code).split())


class Refused(JidokaError):  # noqa: N818 - whose fault it is reads better
    """The request cannot be granted as it is."""


class Failed(JidokaError):  # noqa: N818 - whose fault it is reads better
    """The system could not do its part."""


class Upstream(JidokaError):  # noqa: N818 - whose fault it is reads better
    """Somebody else's service could not do its part."""

    retryable: ClassVar[bool] = True


# --- the request itself -------------------------------------------------------------------------


class InvalidMessage(Refused):
    """The message does not fit its schema: {summary}. Mend the named fields and send it again."""

    code: ClassVar[str] = "invalid_message"
    exit_code: ClassVar[int] = 2
    problems: tuple[dict[str, str], ...]

    @property
    def summary(self) -> str:
        """All problems in one line."""
        return "; ".join(
            f"{p.get('path') or 'message'}: {p.get('reason', 'wrong').rstrip('.')}"
            for p in self.problems
        )

    @property
    def message(self) -> str:
        """The problems, named one by one."""
        return f"The message does not fit its schema: {self.summary}."

    @classmethod
    def of(cls, path: str, reason: str) -> InvalidMessage:
        """Return the error for a single problem."""
        return cls(problems=({"path": path, "reason": reason},))


class UnknownCommand(Refused):
    """There is no command {name!r}. Known: {known}."""

    code: ClassVar[str] = "unknown_command"
    exit_code: ClassVar[int] = 2
    name: str
    known: tuple[str, ...] = ()


class UnsupportedVersion(Refused):
    """Version {found} is not one that this build writes ({supported}). Update jidoka."""

    code: ClassVar[str] = "unsupported_version"
    exit_code: ClassVar[int] = 2
    found: str
    supported: str


class TooLarge(Refused):
    """The {what} has {size_bytes} bytes, the maximum is {maximum_bytes}. Send less, or a file."""

    code: ClassVar[str] = "too_large"
    exit_code: ClassVar[int] = 2
    what: str
    size_bytes: int
    maximum_bytes: int

    @property
    def message(self) -> str:
        """What to do: of a file of the project, a part can be looked at."""
        if self.what.startswith("file "):
            said = super().message.removesuffix("Send less, or a file.")
            return f"{said}See a part of it with grep, or in the shell with head, tail or sed -n."
        return super().message


# --- sessions -----------------------------------------------------------------------------------


class SessionNotFound(Refused):
    """There is no session {asked!r}. `jidoka session list` shows those that are there."""

    code: ClassVar[str] = "session_not_found"
    exit_code: ClassVar[int] = 3
    asked: str

    @property
    def message(self) -> str:
        """Who is not there: one with that name, or any on that folder."""
        if self.asked.startswith("/"):
            return f"There is no session on {self.asked}. Name one: see `jidoka session list`."
        return super().message


class SessionTerminated(Refused):
    """Session {session_id} has ended ({reason}). Nothing more can be said to it; it can be read."""

    code: ClassVar[str] = "session_terminated"
    exit_code: ClassVar[int] = 3
    session_id: str
    reason: str = ""
    at: str | None = None


class SessionExists(Refused):
    """Session {session_id} is there already. Give the import another id, or delete that one."""

    code: ClassVar[str] = "session_exists"
    exit_code: ClassVar[int] = 2
    session_id: str


class AmbiguousName(Refused):
    """{name!r} fits several sessions: {candidates}. Use the id."""

    code: ClassVar[str] = "ambiguous_name"
    exit_code: ClassVar[int] = 2
    name: str
    candidates: tuple[str, ...]


class SessionLimitReached(Refused):
    """{current} of {maximum} sessions are open ({scope}). `jidoka session close` closes one."""

    code: ClassVar[str] = "session_limit_reached"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 4
    current: int
    maximum: int
    scope: str = "profile"


class ProjectAlreadyOpen(Refused):
    """{path} belongs to the open session {session_id}. Close it, or add --worktree."""

    code: ClassVar[str] = "project_already_open"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 4
    path: str
    session_id: str


class SessionBusy(Refused):
    """A turn ({turn_id}) runs in session {session_id}. Wait for it, or send with policy queue."""

    code: ClassVar[str] = "session_busy"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 4
    session_id: str
    turn_id: str | None = None


class InboxFull(Refused):
    """{waiting} messages wait already, the maximum is {maximum}. Let some be taken up first."""

    code: ClassVar[str] = "inbox_full"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 4
    waiting: int
    maximum: int


class RateLimited(Refused):
    """Too many requests in this time. Try again in {retry_after_s} seconds."""

    code: ClassVar[str] = "rate_limited"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 4
    retry_after_s: float


class InvalidTransition(Refused):
    """A session that is {status} cannot {asked}."""

    code: ClassVar[str] = "invalid_transition"
    exit_code: ClassVar[int] = 2
    status: str
    asked: str


# --- project folders ----------------------------------------------------------------------------


class ProjectNotFound(Refused):
    """There is no folder {path}. Create it, or name another with --project."""

    code: ClassVar[str] = "project_not_found"
    exit_code: ClassVar[int] = 3
    path: str


class ProjectNotDirectory(Refused):
    """{path} is not a folder. A session's project is a folder."""

    code: ClassVar[str] = "project_not_directory"
    exit_code: ClassVar[int] = 2
    path: str


class ProjectNotAbsolute(Refused):
    """{path!r} is not an absolute path. Over the bus a project is named from the root."""

    code: ClassVar[str] = "project_not_absolute"
    exit_code: ClassVar[int] = 2
    path: str


class ProjectForbidden(Refused):
    """{path} cannot be a project: {why}. Choose a folder of your own."""

    code: ClassVar[str] = "project_forbidden"
    exit_code: ClassVar[int] = 6
    path: str
    why: str


# --- turns and questions ------------------------------------------------------------------------


class NoTurn(Refused):
    """No turn runs in session {session_id}, so there is nothing to cancel."""

    code: ClassVar[str] = "no_turn"
    exit_code: ClassVar[int] = 2
    session_id: str


class NothingToUndo(Refused):
    """There is not enough to {asked}. Turns asked for: {wanted}; there: {available}."""

    code: ClassVar[str] = "nothing_to_undo"
    exit_code: ClassVar[int] = 2
    session_id: str
    asked: str
    wanted: int = 1
    available: int = 0


class TurnNotFound(Refused):
    """No turn {turn!r} is among this session's last hundred; `jidoka follow` shows them."""

    code: ClassVar[str] = "turn_not_found"
    exit_code: ClassVar[int] = 3
    turn: str

    @property
    def message(self) -> str:
        """Which turn it is that is not there; the last one has no number."""
        text = super().message
        return text.replace("No turn 'last' is", "No turn is") if self.turn == "last" else text


class SnapshotMissing(Refused):
    """The files of turn {turn_id} are not kept ({why}). Undo the conversation alone instead."""

    code: ClassVar[str] = "snapshot_missing"
    exit_code: ClassVar[int] = 3
    turn_id: str
    why: str


class CallNotFound(Refused):
    """No question, waiting message or rule {call_id!r} is open here; `jidoka follow` shows all."""

    code: ClassVar[str] = "call_not_found"
    exit_code: ClassVar[int] = 3
    call_id: str


class AlreadyAnswered(Refused):
    """That question was answered before: {answer} by {by} at {at}."""

    code: ClassVar[str] = "already_answered"
    exit_code: ClassVar[int] = 2
    by: str
    answer: str
    at: str | None = None


class DeadlinePassed(Refused):
    """The deadline has passed; the default ({default}) was taken."""

    code: ClassVar[str] = "deadline_passed"
    exit_code: ClassVar[int] = 2
    default: str


class BudgetExceeded(Refused):
    """The {scope}'s budget of {limit} {kind} is used up ({used}). Raise it, or start anew."""

    code: ClassVar[str] = "budget_exceeded"
    exit_code: ClassVar[int] = 8
    kind: str
    used: float
    limit: float
    scope: str = "turn"

    @property
    def message(self) -> str:
        """The budget in its own unit."""
        limit, used = (_amount(value, self.kind) for value in (self.limit, self.used))
        return f"The {self.scope}'s budget of {limit} is used up ({used}). Raise it, or start anew."


def _amount(value: float, kind: str) -> str:
    return f"{value:g} USD" if kind == "cost_usd" else f"{value:,.0f} {kind}"


class StepLimit(Refused):
    """The turn took {used} of {limit} steps. Send 'continue' to go on."""

    code: ClassVar[str] = "step_limit"
    exit_code: ClassVar[int] = 8
    used: int
    limit: int


class Unauthenticated(Refused):
    """The broker does not know you. Use the address that `jidoka status --json` gives."""

    code: ClassVar[str] = "unauthenticated"
    exit_code: ClassVar[int] = 6


class Forbidden(Refused):
    """You have no right to {right} ({subject})."""

    code: ClassVar[str] = "forbidden"
    exit_code: ClassVar[int] = 6
    right: str
    subject: str = ""


# --- models -------------------------------------------------------------------------------------


class ProviderUnknown(Refused):
    """Nobody serves the provider {name!r}. Write a model as provider/name, as openai/gpt-5."""

    code: ClassVar[str] = "provider_unknown"
    exit_code: ClassVar[int] = 2
    name: str
    known: tuple[str, ...] = ()


class ModelUnknown(Refused):
    """The model {name!r} is not known: {why}."""

    code: ClassVar[str] = "model_unknown"
    exit_code: ClassVar[int] = 2
    name: str
    known: tuple[str, ...] = ()
    why: str = "no provider serves it"


class ApiKeyMissing(Refused):
    """There is no key for {provider} ({reference}). Ways to get a model: {ways}."""

    code: ClassVar[str] = "api_key_missing"
    exit_code: ClassVar[int] = 7
    provider: str
    reference: str = ""
    ways: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What is missing and every way to mend it."""
        what = f"No key for {self.provider}" if self.provider else "No model is configured"
        where = f" ({self.reference} is not set)" if self.reference else ""
        ways = "; ".join(self.ways or ("set a key",))
        return f"{what}{where}. Ways to get a model: {ways}."


class ProviderAuth(Upstream):
    """{provider} refused the key behind {reference}. Check it and try again."""

    code: ClassVar[str] = "provider_auth"
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 7
    provider: str
    reference: str = ""


class ProviderRateLimited(Upstream):
    """{provider} asks to wait ({retry_after_s} s)."""

    code: ClassVar[str] = "provider_rate_limited"
    provider: str
    retry_after_s: float | None = None


class ProviderUnavailable(Upstream):
    """{provider} could not be reached or failed (status {status})."""

    code: ClassVar[str] = "provider_unavailable"
    provider: str
    status: int | None = None
    retry_after_s: float | None = None
    """Set where it failed so often that nobody asks it for so long."""

    @property
    def message(self) -> str:
        """What happened: the two need different mending."""
        if self.retry_after_s is not None:
            return f"{self.provider} failed too often; it is asked again in {self.retry_after_s} s."
        how = "could not be reached" if self.status is None else f"failed (status {self.status})"
        return f"{self.provider} {how}."


class ProviderTimeout(Upstream):
    """{provider} did not answer in time ({which}, {after_s} s)."""

    code: ClassVar[str] = "provider_timeout"
    provider: str
    which: str
    after_s: float


class ProviderBadAnswer(Upstream):
    """{provider} gave an answer that cannot be used: {reason}."""

    code: ClassVar[str] = "provider_bad_answer"
    provider: str
    reason: str


class ProviderRefused(Upstream):
    """{provider} declined: {reason}."""

    code: ClassVar[str] = "provider_refused"
    retryable: ClassVar[bool] = False
    provider: str
    reason: str


class ContextOverflow(Refused):
    """{tokens} tokens do not fit into {window}, the model's window or the limit `context_tokens`.

    Raise the limit, take active files away, or clear the conversation (`jidoka clear`).
    """

    code: ClassVar[str] = "context_overflow"
    tokens: int
    window: int


# --- tools --------------------------------------------------------------------------------------


class ToolUnknown(Refused):
    """There is no tool {tool!r} in this session. Known: {known}."""

    code: ClassVar[str] = "tool_unknown"
    tool: str
    known: tuple[str, ...] = ()


class ToolArgsInvalid(Refused):
    """The arguments of {tool} do not fit its schema: {problems}."""

    code: ClassVar[str] = "tool_args_invalid"
    tool: str
    problems: tuple[str, ...]


class CallRepeated(Refused):
    """The same call of {tool}, {times} times in a row by now: it was not run again.

    It gave the same result each time. Use that result, or try another way.
    """

    code: ClassVar[str] = "call_repeated"
    tool: str
    times: int


class SecretWithheld(Refused):
    """{placeholder} stands for a secret that was struck out, and {tool} would take it as it is.

    Write what is around it, or take the value from where it is: a file or the environment.
    """

    code: ClassVar[str] = "secret_withheld"
    placeholder: str
    tool: str


class ToolDenied(Refused):
    """The call was denied by {by} ({rule})."""

    code: ClassVar[str] = "tool_denied"
    exit_code: ClassVar[int] = 6
    by: str
    rule: str = ""


class ToolTimeout(Refused):
    """The tool took longer than {timeout_s} s and was ended with all its processes."""

    code: ClassVar[str] = "tool_timeout"
    timeout_s: float


class ToolLimit(Refused):
    """The tool ran into its limit of {kind}."""

    code: ClassVar[str] = "tool_limit"
    kind: str


class ToolInterrupted(Failed):
    """The call may have happened: {known}. Look before you do it again."""

    code: ClassVar[str] = "tool_interrupted"
    known: str = ""


class ToolFailed(Failed):
    """The tool could not do its work: {reason}."""

    code: ClassVar[str] = "tool_failed"
    reason: str


class PathOutsideProject(Refused):
    """{path!r} leads out of the project folder ({rule}). Use paths inside it."""

    code: ClassVar[str] = "path_outside_project"
    path: str
    rule: str = ""


class PathProtected(Refused):
    """{path!r} is protected ({rule}) and is not written by tools."""

    code: ClassVar[str] = "path_protected"
    path: str
    rule: str = ""


class PathNotFound(Refused):
    """There is nothing at {path!r}. List the folder to see what is there."""

    code: ClassVar[str] = "path_not_found"
    path: str


class FileChanged(Refused):
    """{path!r} is not as it was read (expected {expected}, is {actual}). Read it again first."""

    code: ClassVar[str] = "file_changed"
    path: str
    expected: str | None = None
    """Null: it was not read at all."""
    actual: str | None = None

    @property
    def message(self) -> str:
        """What to do, also with a file that nobody has read."""
        if self.expected is None:
            return f"{self.path!r} is there already and was not read. Read it first."
        return super().message


class EditNoMatch(Refused):
    """The text to replace is in {path!r} {matches} times; it must be there exactly once."""

    code: ClassVar[str] = "edit_no_match"
    path: str
    matches: int


class SandboxUnavailable(Failed):
    """No sandbox works here ({tried}). Use --sandbox off only if you trust the model fully."""

    code: ClassVar[str] = "sandbox_unavailable"
    exit_code: ClassVar[int] = 6
    tried: tuple[str, ...] = ()
    why: str = ""


# --- plug-ins, imports, the log and the programs -------------------------------------------------


class AgentNotFound(Upstream):
    """No plug-in agent {name!r} is running. `jidoka agents` lists those that are."""

    code: ClassVar[str] = "agent_not_found"
    exit_code: ClassVar[int] = 3
    name: str


class McpNotReady(Upstream):
    """The MCP server {server!r} is {state}."""

    code: ClassVar[str] = "mcp_not_ready"
    server: str
    state: str


class McpFailed(Upstream):
    """The MCP server {server!r} answered with an error ({its_code})."""

    code: ClassVar[str] = "mcp_failed"
    server: str
    its_code: str = ""


class ImportInvalid(Refused):
    """The export cannot be imported: line {line}, {reason}."""

    code: ClassVar[str] = "import_invalid"
    exit_code: ClassVar[int] = 2
    line: int
    reason: str

    @property
    def message(self) -> str:
        """What is wrong, and in which line; 0 stands for the file as a whole."""
        return super().message.replace("line 0, ", "")


class LogDamaged(Failed):
    """The session's log is damaged: events {first} to {last} are missing or altered."""

    code: ClassVar[str] = "log_damaged"
    first: int
    last: int


class Unavailable(Failed):
    """{part} is not reachable: {why}."""

    code: ClassVar[str] = "unavailable"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 5
    part: str
    why: str = ""


class TimedOut(Failed):
    """No answer after {after_s} s: it may have happened. Ask again with the same id."""

    code: ClassVar[str] = "timeout"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 5
    after_s: float


class NoHost(Failed):
    """No agent host has room for the session ({hosts} there, wanted: {wanted})."""

    code: ClassVar[str] = "no_host"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 5
    hosts: int
    wanted: str = ""


class RuntimeExists(Failed):
    """Another runtime (pid {pid}) holds {home}. End it, or set JIDOKA_HOME to another folder."""

    code: ClassVar[str] = "runtime_exists"
    exit_code: ClassVar[int] = 9
    pid: int | None
    home: str


class StorageFull(Failed):
    """The store is full ({free_bytes} of {needed_bytes} bytes free). Free some; nothing is lost."""

    code: ClassVar[str] = "storage_full"
    retryable: ClassVar[bool] = True
    exit_code: ClassVar[int] = 5
    free_bytes: int | None = None
    needed_bytes: int | None = None


class StorageNotWritable(Failed):
    """{path} cannot be written. Name a folder that is yours; jidoka's own is set by JIDOKA_HOME."""

    code: ClassVar[str] = "storage_not_writable"
    exit_code: ClassVar[int] = 5
    path: str


class NotInQuarantine(Refused):
    """There is no message {number} in quarantine. `jidoka dlq list` shows those that are there."""

    code: ClassVar[str] = "not_in_quarantine"
    exit_code: ClassVar[int] = 3
    number: int


class StreamMismatch(Failed):
    """The stream {stream} has {field} {found}, not {wanted}. Mend it by hand: it may hold data."""

    code: ClassVar[str] = "stream_mismatch"
    exit_code: ClassVar[int] = 5
    stream: str
    field: str
    found: str
    wanted: str


class PortInUse(Failed):
    """Port {port} is taken by another program. Choose another, or leave it out for a free one."""

    code: ClassVar[str] = "port_in_use"
    exit_code: ClassVar[int] = 5
    port: int


class StaleSequence(Failed):
    """The log moved on: expected {expected}, is {actual}. Read what is new and decide again."""

    code: ClassVar[str] = "stale_sequence"
    retryable: ClassVar[bool] = True
    inside: ClassVar[frozenset[str]] = frozenset({"tail"})
    expected: int
    actual: int | None = None
    tail: tuple[Any, ...] = ()
    """The entries (`core.ports.Entry`) that are new, for whoever decides again."""


class Superseded(Failed):
    """Another worker has the session (epoch {epoch})."""

    code: ClassVar[str] = "superseded"
    epoch: int


class CrashLimit(Failed):
    """The session's worker died {restarts} times in {window_s} s; last: {last}."""

    code: ClassVar[str] = "crash_limit"
    restarts: int
    window_s: float
    last: str = ""


class Internal(Failed):
    """A defect of jidoka, incident {incident}. The log of the program has the details."""

    code: ClassVar[str] = "internal"
    incident: str = ""


class UnknownError(Failed):
    """An error that this version does not know, kept as it came."""

    code: ClassVar[str] = "internal"
    original: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the error as it came, whole."""
        shape = {"code": self.code, "message": self.message, "retryable": False}
        return {**shape, "details": {}, **self.original}

    @property
    def message(self) -> str:
        """The message as it came."""
        return str(self.original.get("message", "unknown error"))


def _leaves(base: type[JidokaError]) -> list[type[JidokaError]]:
    found: list[type[JidokaError]] = []
    for child in base.__subclasses__():
        found.extend(_leaves(child) or [child])
    return found


ERRORS: dict[str, type[JidokaError]] = {
    kind.code: kind for kind in _leaves(JidokaError) if kind is not UnknownError
}
"""Every code with its class."""


@cache
def details_of(kind: type[JidokaError]) -> type[BaseModel]:
    """Return the model of an error's `details`: its fields, unknown ones ignored."""
    # a program that only raises errors, such as the runtime, shall not load pydantic for it
    from pydantic import ConfigDict, create_model  # noqa: PLC0415

    hints = get_type_hints(kind)
    chosen: dict[str, Any] = {
        field.name: (hints[field.name], ... if field.default is MISSING else field.default)
        for field in fields(kind)  # pyright: ignore[reportArgumentType]
        if field.name not in kind.inside
    }
    return create_model(f"{kind.__name__}Details", __config__=ConfigDict(frozen=True), **chosen)


def from_dict(raw: Mapping[str, Any]) -> JidokaError:
    """Return the error that `raw` (`{code, message, retryable, details}`) describes.

    A code that this version does not know, or details that do not fit it, give an `UnknownError`
    that keeps the original.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - see `details_of`

    kind = ERRORS.get(str(raw.get("code")))
    if kind is None:
        return UnknownError(original=dict(raw))
    try:
        details = details_of(kind).model_validate(raw.get("details"))
    except ValidationError:
        return UnknownError(original=dict(raw))
    return kind(**dict(details))
