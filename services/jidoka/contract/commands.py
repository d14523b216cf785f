"""What may be asked: one class a command, imperative, and the catalogue of all.

A command is a CloudEvent of type `jido.<name>.v1`. Its `source` and `id` make it idempotent for
the life of the log. It travels as a request on `jido.command.<name>` (answered at once) or
durably on `jido.session.<id>.command.<name>`. The reply is `jido.command.accepted.v1` or
`jido.command.refused.v1`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import Field, ValidationError

from jidoka.contract.command_data import CommandData, SessionCommand
from jidoka.contract.content import (
    Content,
    Limits,
    LlmConfig,
    PermissionMode,
    Policy,
    SandboxMode,
    Sharing,
    Status,
    TextPart,
    text_of,
)
from jidoka.contract.context_commands import AddFile, CompactContext, GetContext, RemoveFile
from jidoka.contract.envelope import MOST_PROBLEMS, problems_of
from jidoka.contract.errors import InvalidMessage, TooLarge, UnknownCommand, UnsupportedVersion
from jidoka.contract.fields import Id, MessageContent, ProjectPath, Reason, SessionName
from jidoka.contract.json import write_json
from jidoka.contract.mcp_commands import AddMcpServer, RemoveMcpServer
from jidoka.contract.model_choice import problems_of_choice
from jidoka.contract.permission_commands import (
    AnswerPermission,
    AnswerQuestion,
    ListPermissions,
    RevokePermission,
    RuleTexts,
)
from jidoka.contract.undo_commands import DiffTurn, RedoTurn, RetryTurn, UndoTurn

MAX_CONTENT_BYTES = 256 * 1024
MAX_PATH_BYTES = 4096
MAX_METADATA_BYTES = 64 * 1024


class CreateSession(CommandData, name="session.create"):
    """Open a session on a project folder."""

    session_name: SessionName | None = Field(default=None, alias="name")
    """Null: the folder's name."""
    project_path: ProjectPath
    """Absolute."""
    llm: LlmConfig = LlmConfig()
    permission_mode: PermissionMode = PermissionMode.ASK
    limits: Limits = Limits()
    sandbox: SandboxMode = SandboxMode.AUTO
    sharing: Sharing = Sharing.EXCLUSIVE
    system_prompt: Annotated[str, Field(max_length=64 * 1024)] | None = None
    tools: Annotated[tuple[Id, ...], Field(max_length=256)] | None = None
    """The tools that the model may use; null: all."""
    permissions: RuleTexts = ()
    """Rules about what may be done without asking: `allow shell git status`, `deny * .env`."""
    network: bool = False
    """Whether commands reach the network."""
    owner: Annotated[str, Field(max_length=128)] = ""
    metadata: dict[str, Any] = Field(default={})


class ImportSession(CreateSession, name="session.import"):
    """Open a session that goes on with an exported conversation."""

    export: Annotated[str, Field(pattern=r"^blob:import/[0-9a-f]{64}$")]
    """The file, put into the object store before."""


class GetSession(SessionCommand, name="session.get"):
    """Ask for all that is known of a session."""


class ListSessions(CommandData, name="session.list"):
    """List sessions, newest first."""

    status: tuple[Status, ...] | None = None
    """Null: all that are not terminated."""
    project: Annotated[str, Field(max_length=MAX_PATH_BYTES)] | None = None
    """Only those on this folder."""
    text: Annotated[str, Field(max_length=1024)] | None = None
    """Only those whose name, title or conversation has these words."""
    limit: int = Field(default=100, ge=1, le=1_000)
    after: Annotated[str, Field(max_length=1024)] | None = None
    """The `next` of the page before."""


class CloseSession(SessionCommand, name="session.close"):
    """Put a session away: its place and folder are free, it can be resumed."""

    reason: Reason = ""


class ResumeSession(SessionCommand, name="session.resume"):
    """Bring a closed session back; one that is open is refused."""


class TerminateSession(SessionCommand, name="session.terminate"):
    """End a session for good."""

    reason: Reason = ""


class DeleteSession(SessionCommand, name="session.delete"):
    """Erase a closed or terminated session: its log, blobs and snapshot; a tombstone is left."""

    author: Annotated[str, Field(max_length=128)] = ""


class ForkSession(SessionCommand, name="session.fork"):
    """Open a session that goes on with another's conversation; that one goes on untouched."""

    at: int | None = Field(default=None, ge=1)
    """The number of the last event to take over; null: the last that there is."""
    project_path: ProjectPath | None = None
    """Absolute, a folder of its own; null: a new git worktree of the other's folder."""
    session_name: SessionName | None = Field(default=None, alias="name")
    """Null: the other's name."""
    files: Literal["then", "leave"] = "then"
    """`then`: as they were at that event, unless the folder that is named has something in it.
    `leave`: a worktree of the last commit, or the folder as it is."""


class RenameSession(SessionCommand, name="session.rename"):
    """Give a session another name."""

    session_name: SessionName = Field(alias="name")


class ConfigureSession(SessionCommand, name="session.configure"):
    """Change a session's model, mode, rules, network, limits or prompt from the next turn on."""

    llm: LlmConfig | None = None
    permission_mode: PermissionMode | None = None
    limits: Limits | None = None
    """Those that are named; the others stay."""
    system_prompt: Annotated[str, Field(max_length=64 * 1024)] | None = None
    permissions: RuleTexts | None = None
    """The rules that hold instead of those before."""
    network: bool | None = None


class SubmitMessage(SessionCommand, name="message.submit"):
    """Say something to the agent."""

    content: MessageContent
    policy: Policy = Policy.QUEUE
    author: Annotated[str, Field(max_length=128)] = ""
    unattended: bool = False
    """Nobody waits for questions: those of its turn take their default at once."""


class EditMessage(SessionCommand, name="message.edit"):
    """Change a message that still waits."""

    message_id: Id
    content: MessageContent


class WithdrawMessage(SessionCommand, name="message.withdraw"):
    """Take back a message that still waits."""

    message_id: Id


class CancelTurn(SessionCommand, name="turn.cancel"):
    """Stop the running turn."""

    reason: Reason = ""


class ClearConversation(SessionCommand, name="conversation.clear"):
    """Let the model forget; the log keeps all."""


Command = (
    CreateSession
    | ImportSession
    | GetSession
    | ListSessions
    | CloseSession
    | ResumeSession
    | TerminateSession
    | DeleteSession
    | ForkSession
    | RenameSession
    | ConfigureSession
    | SubmitMessage
    | EditMessage
    | WithdrawMessage
    | CancelTurn
    | RetryTurn
    | UndoTurn
    | RedoTurn
    | DiffTurn
    | AnswerPermission
    | RevokePermission
    | ListPermissions
    | AnswerQuestion
    | ClearConversation
    | AddFile
    | RemoveFile
    | CompactContext
    | GetContext
    | AddMcpServer
    | RemoveMcpServer
)
"""Every command of this version."""

COMMANDS: dict[str, type[Command]] = {kind.name: kind for kind in Command.__args__}

MANAGER_COMMANDS = frozenset(
    {f"session.{verb}" for verb in ("create", "get", "list", "resume", "delete", "import", "fork")}
)
"""What needs a place, a folder or the registry: the leading session-manager decides these."""


def open_command(name: str, version: int, data: Any, subject: str | None) -> Command:
    """Return the typed command of an envelope; `subject` fills in a missing `session_id`.

    Fields that this version does not know are ignored, as in an event.

    Raises:
        UnknownCommand: no command has that name.
        UnsupportedVersion: the command has another version than ours.
        InvalidMessage: the data does not fit, every problem named.
        TooLarge: the content, the path or the metadata is over its limit.
    """
    kind = COMMANDS.get(name)
    if kind is None:
        raise UnknownCommand(name=name[:128], known=tuple(COMMANDS))
    if version != 1:
        raise UnsupportedVersion(found=f"{name}.v{version}", supported=f"{name}.v1")
    if not isinstance(data, dict):
        raise InvalidMessage.of("data", "must be a JSON object")
    values = dict(cast("dict[str, Any]", data))
    if "session_id" in kind.model_fields:
        _agree(values, subject)
    try:
        command = kind.model_validate(values, extra="ignore")
    except ValidationError as problem:
        raise InvalidMessage(problems=problems_of(problem, "data")) from None
    _check(command)
    return command


def _check(command: Command) -> None:
    """Raise what no type of a field can say."""
    match command:
        case SubmitMessage(content=content) | EditMessage(content=content):
            _at_most("content", len(text_of(content).encode()), MAX_CONTENT_BYTES)
            _own_blobs(content, command.session_id)
        case ForkSession(project_path=str(path)):
            _at_most("project_path", len(path.encode()), MAX_PATH_BYTES)
        case CreateSession(project_path=path, metadata=metadata, llm=llm):
            _at_most("project_path", len(path.encode()), MAX_PATH_BYTES)
            _at_most("metadata", len(write_json(metadata)), MAX_METADATA_BYTES)
            _sound(llm)
        case ConfigureSession(llm=LlmConfig() as llm):
            _sound(llm)
        case _:
            pass  # every other field is bounded by its own type


def _sound(llm: LlmConfig) -> None:
    if problems := problems_of_choice(llm):
        told = ({**problem, "path": f"data.{problem['path']}"} for problem in problems)
        raise InvalidMessage(problems=tuple(told))


def _own_blobs(content: Content, session_id: str) -> None:
    """Raise where a part names a blob of another session: nothing is readable from there."""
    foreign = [
        {"path": f"data.content.{at}.blob.ref", "reason": "names a blob of another session"}
        for at, part in enumerate(content)
        if not isinstance(part, str | TextPart) and part.blob.session_id != session_id
    ]
    if foreign:
        raise InvalidMessage(problems=tuple(foreign[:MOST_PROBLEMS]))


def _at_most(what: str, size_bytes: int, maximum_bytes: int) -> None:
    if size_bytes > maximum_bytes:
        raise TooLarge(what=what, size_bytes=size_bytes, maximum_bytes=maximum_bytes)


def _agree(values: dict[str, Any], subject: str | None) -> None:
    named = values.setdefault("session_id", subject) if subject else values.get("session_id")
    if subject and named != subject:
        raise InvalidMessage.of("subject", "names another session than data.session_id")
