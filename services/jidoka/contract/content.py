"""The values that commands and events share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag


class Status(StrEnum):
    """The life of a session."""

    INITIALIZING = "initializing"
    ACTIVE = "active"
    IDLE = "idle"
    CLOSED = "closed"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class Policy(StrEnum):
    """What becomes of a message while a turn runs."""

    QUEUE = "queue"
    STEER = "steer"
    INTERRUPT = "interrupt"
    REJECT = "reject"


class PermissionMode(StrEnum):
    """What the agent may do without asking."""

    PLAN = "plan"
    ASK = "ask"
    AUTO_EDIT = "auto-edit"
    FULL_AUTO = "full-auto"


class SandboxMode(StrEnum):
    """`auto`: the strongest layer that works here, else refuse. `off`: the owner opted out."""

    AUTO = "auto"
    OFF = "off"


class Sharing(StrEnum):
    """How a session holds its project folder."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"
    WORKTREE = "worktree"


class TurnOutcome(StrEnum):
    """How a turn ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    BUDGET = "budget"
    STEP_LIMIT = "step_limit"


class Value(BaseModel):
    """A value: frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TextPart(Value):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class BlobRef(Value):
    """A large value kept in the object store."""

    ref: str = Field(pattern=r"^blob:[a-z0-9_-]{1,64}/[0-9a-f]{64}$")
    """`blob:<session id>/<sha256>`."""
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    content_type: str = Field(default="application/octet-stream", max_length=256)

    @property
    def session_id(self) -> str:
        """The session whose blob it is."""
        return self.ref.removeprefix("blob:").partition("/")[0]


class ImagePart(Value):
    """An image by reference."""

    type: Literal["image"] = "image"
    blob: BlobRef


class FilePart(Value):
    """A file by reference."""

    type: Literal["file"] = "file"
    blob: BlobRef
    filename: str = Field(default="", max_length=255)


def _part_kind(value: Any) -> str | None:
    kind = (
        cast("dict[str, Any]", value).get("type")
        if isinstance(value, dict)
        else getattr(value, "type", None)
    )
    return f"<{kind}>" if kind in ("text", "image", "file") else None


def _content_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<text>"
    return "<parts>" if isinstance(value, list | tuple) else None


# tags in angle brackets choose a branch and are left out of the path of a problem
Part = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[ImagePart, Tag("<image>")]
    | Annotated[FilePart, Tag("<file>")],
    Discriminator(
        _part_kind,
        custom_error_type="part",
        custom_error_message="must be an object whose type is text, image or file",
    ),
]
Content = Annotated[
    Annotated[str, Field(min_length=1), Tag("<text>")]
    | Annotated[tuple[Part, ...], Field(min_length=1, max_length=256), Tag("<parts>")],
    Discriminator(
        _content_kind,
        custom_error_type="content",
        custom_error_message="must be a text or a list of parts",
    ),
]
"""What a message holds: text, or a list of parts."""


def text_of(content: Content) -> str:
    """Return the text of a content; other parts are named in brackets."""
    if isinstance(content, str):
        return content
    return "\n".join(
        part.text if isinstance(part, TextPart) else f"[{part.type} {part.blob.ref}]"
        for part in content
    )


class LlmConfig(Value):
    """Which model speaks, and how."""

    provider: str | None = None
    """litellm's name of the provider, `scripted` or `local`; null: part of `model`, or found."""
    model: str | None = None
    """The provider's name of the model, with or without `provider/`; null: the default."""
    api_base: str | None = None
    """The URL of an OpenAI-compatible server."""
    api_key_ref: str | None = None
    """Where the key is: `env:NAME`. Never the key."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    """Tokens of one answer; null: 4,096."""
    fallbacks: tuple[str, ...] = ()
    """Models to ask when this one fails."""
    summary_model: str | None = None
    """Who writes the summary when the conversation is compacted; null: this model itself."""
    extra: dict[str, Any] = {}
    """Further options of the provider."""

    @property
    def full_name(self) -> str:
        """`provider/model`, as a person writes it."""
        model = self.model or ""
        if not self.provider or model.startswith((f"{self.provider}/", f"{self.provider}:")):
            return model
        joint = ":" if self.provider in ("scripted", "local") else "/"
        return f"{self.provider}{joint}{model}" if model else self.provider


class Limits(Value):
    """Bounds of a session and its turns; null means none, where a default stands it is ours."""

    model_config = ConfigDict(allow_inf_nan=False)

    max_steps: int = Field(default=50, ge=1, le=1_000)
    """Model calls a turn."""
    turn_tokens: int | None = Field(default=None, ge=1)
    turn_cost_usd: float | None = Field(default=None, ge=0)
    turn_wall_s: float | None = Field(default=None, gt=0)
    """How long a turn works; the time in which it only waits for a person does not count."""
    session_tokens: int | None = Field(default=None, ge=1)
    session_cost_usd: float | None = Field(default=None, ge=0)
    tool_timeout_s: float = Field(default=30.0, gt=0, le=3_600)
    shell_timeout_s: float = Field(default=120.0, gt=0, le=3_600)
    question_deadline_s: float = Field(default=86_400.0, ge=0)
    """How long a question waits for an answer; 0 takes the default at once."""
    context_tokens: int | None = Field(default=None, ge=1_000)
    """What the model is sent at most, answer included; null: its window."""
    history_messages: int | None = Field(default=None, ge=2)
    """Messages of the conversation beyond which it is compacted, to half of them; null: only its
    size counts. An answer is one message, and so is each result of its calls."""
    active_files: int = Field(default=50, ge=0, le=1_000)
    """Files that are kept before the model; beyond, the oldest leaves."""
    active_file_bytes: int = Field(default=65_536, ge=256, le=1_048_576)
    """Of one active file; what is longer is cut, and says so."""


class ToolCall(Value):
    """A call that the model asked for."""

    call_id: str
    tool: str
    arguments: str
    """JSON as the model wrote it; it may be broken."""


class Usage(Value):
    """Tokens of a call or turn."""

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)

    def __add__(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


class BudgetOver(Value):
    """A limit of tokens or money that is used up."""

    scope: str
    """`turn` `session` `owner`."""
    kind: str
    """`tokens` `cost_usd`."""
    used: float
    limit: float


class FileHash(Value):
    """A file and what was in it."""

    path: str
    """Relative to the project's root."""
    sha256: str | None = None
    """Null: there is no such file."""


class SnapshotRef(Value):
    """The project folder at one moment, as it is kept for undoing."""

    tree: str | None = None
    """Names it in the session's own repository of snapshots; null: there is none."""
    why: str = ""
    """Why there is none."""
    left_out: tuple[str, ...] = ()
    """Files that are not in it though git does not ignore them, at most 20."""


class FileDiff(Value):
    """What became of one file."""

    path: str
    change: str
    """`added` `deleted` `modified` `mode`: only the right to run it changed."""
    added: int | None = None
    """Lines; null for a file that is no text."""
    removed: int | None = None
    old_mode: str | None = None
    """As git writes it: `100644`, `100755`, `120000` for a link; null: there was no such file."""
    new_mode: str | None = None


class PastEvent(Value):
    """An event of another session, where a new one goes on with its conversation."""

    name: str
    """Its type: `message.accepted`, ..."""
    time: AwareDatetime | None = None
    data: dict[str, Any] = {}


class ErrorInfo(Value):
    """An error as it stands in an event."""

    code: str
    message: str
    retryable: bool = False
    details: dict[str, Any] = {}
