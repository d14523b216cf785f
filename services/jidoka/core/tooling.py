"""What a tool is, and what it is given: the ports between the agent, the tools and the sandbox.

    agent ── Toolbox.get(name) ─► Tool.pre_state(args, context)   hashed before `tool.started`
                                  Tool.run(args, context)         ─► ToolOutcome | JidokaError
    ToolContext.files   ─► ProjectFiles   every path resolved beneath the root in the kernel
    ToolContext.sandbox ─► Sandbox        every command, with a time, an output and a process limit

A tool that could not do its work raises one of `contract.errors`; what it had printed by then is
the error's note (`output_so_far`), so that the model can still read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from jidoka.contract.briefing import TodoItem
from jidoka.contract.redaction import Redactor

MIB = 1024 * 1024
ASK_TOOL = "ask"
"""The tool by which the agent asks a person; its call waits for the answer before it runs."""
INLINE_BYTES = 64 * 1024
"""What the model reads of an output at most: half of it from the head, half from the tail."""
_LEFT_OUT_BYTES = 64
"""Room for the sentence that says what is left out."""
SPILL_BYTES = 64 * MIB
"""How much of a long output is kept whole beside the text."""


class EffectClass(StrEnum):
    """What may be done about a call that was started and has no recorded end."""

    PURE = "pure"
    """It only reads: run it again."""
    IDEMPOTENT = "idempotent"
    """It writes files: compare their hashes with those before and after."""
    EFFECT = "effect"
    """Anything may have happened: never again."""
    UNKNOWN = "unknown"
    """Nobody says what it does, as with tools of others: never again, and asked about."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model and the orchestrator know it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments, an object."""
    effect: EffectClass
    timeout_s: float
    output_bytes: int = INLINE_BYTES
    """What the model reads of an outcome at most; of more the middle is left out."""
    streams: bool = False
    """Whether it shows what comes while it runs, on `live.tool_output`."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file by content."""

    path: str
    """Relative to the project root."""
    sha256: str | None
    """Hex; None: there is no such file."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """How a tool that ran to its end answered."""

    text: str
    """What the model reads, at most 64 KiB."""
    exit_status: int | None = None
    """Of a command; 128 + n when signal n ended it."""
    spill: str | None = None
    """A temporary file with the whole output where `text` was cut; the caller unlinks it."""
    output_bytes: int = 0
    changed: tuple[FileState, ...] = ()
    """The files that it wrote, as they are now."""
    todo: tuple[TodoItem, ...] | None = None
    """The list of what is to be done, where the tool is about that."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use."""

    cpu_s: int | None = None
    memory_bytes: int | None = 4096 * MIB
    """Writable memory of each process; of all together where control groups can be written."""
    file_bytes: int | None = 4096 * MIB
    """Size of one file that it writes."""
    processes: int | None = 512
    open_files: int | None = 4096
    output_bytes: int = 1024 * MIB
    """Printing more ends the command."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command in the sandbox ended."""

    exit_status: int
    """128 + n when signal n ended it."""
    head: str
    tail: str
    """Empty while the whole output fits into `head`."""
    output_bytes: int
    duration_s: float
    timed_out: bool = False
    limit: str | None = None
    """The limit that ended it: `output`, `memory`, `processes`."""
    spill: str | None = None
    """A temporary file with the output up to 64 MiB, where head and tail leave something out."""
    notes: tuple[str, ...] = ()
    """What the sandbox did about it, such as a protected file that it put back."""


@dataclass(frozen=True, slots=True)
class Stdio:
    """Ends of pipes that a command talks through instead of printing; whoever gave them closes."""

    stdin_fd: int
    stdout_fd: int


class Sandbox(Protocol):
    """Where commands run."""

    @property
    def layer(self) -> str:
        """`bubblewrap`, `landlock` or `off`."""
        ...

    async def run(
        self,
        command: str,
        *,
        root: str,
        timeout_s: float,
        on_output: Callable[[str], None],
        limits: Limits,
        network: bool = False,
        stdio: Stdio | None = None,
    ) -> CommandResult:
        """Run a shell command in `root` and return when it and all that it started are gone.

        Cancelling ends it the same way. With `stdio` only its errors are its output.

        Raises:
            SandboxUnavailable: no layer works here.
        """
        ...


class ProjectFiles(Protocol):
    """The project folder's files; no path leads out of it, whoever renames what meanwhile.

    A path is relative to the root, or absolute and inside it. All methods raise
    `PathOutsideProject`, the writing ones `PathProtected`, those that need one `PathNotFound`.
    """

    def place(self, path: str) -> str:
        """Return `path` relative to the root, `.` for the root itself."""
        ...

    def place_to_write(self, path: str) -> str:
        """Return `path` as `place` does, of a file that tools may write by its name."""
        ...

    def open_file(self, path: str) -> int:
        """Return a descriptor for reading; `ToolFailed` when it is no regular file."""
        ...

    def open_folder(self, path: str) -> int:
        """Return a descriptor for listing; `ToolFailed` when it is no folder."""
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Write a whole file, folders above it too: readers see the old or the new, never half."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file."""
        ...


class Commits(Protocol):
    """The project's repository, as far as a tool may change it."""

    async def commit(self, message: str, paths: tuple[str, ...]) -> str:
        """Commit the project's files, all that changed or `paths`; return a sentence about it.

        Raises:
            ToolFailed: it is no repository, there is nothing to commit, or it is not ours to do.
        """
        ...


def _ignore(_text: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool is given besides its arguments. A run is ended by cancelling its task."""

    root: str
    """The real path of the project folder."""
    files: ProjectFiles
    sandbox: Sandbox
    on_output: Callable[[str], None] = _ignore
    """Takes the output piece by piece while it comes; must not wait."""
    timeout_s: float | None = None
    """What the session allows; None: what the tool's specification says."""
    limits: Limits = field(default_factory=Limits)
    network: bool = False
    read_marks: MutableMapping[str, str] = field(default_factory=dict[str, str])
    """Path → sha-256 of what this session last read there or wrote."""
    commits: Commits | None = None
    """None: this session does not commit."""
    hidden: tuple[str, ...] = ()
    """Globs of files that a search does not look into: rules deny them."""
    answer: str | None = None
    """What a person answered, for the tool that asks; None: nobody did."""
    read_first: bool = True
    """Whether `write` replaces a file only when this session has seen it."""
    redactor: Redactor = field(default_factory=Redactor)
    """Strikes secrets out of what is shown in pieces."""


class Tool(Protocol):
    """Something the model may call."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description, schema, effect class and time limit."""
        ...

    async def pre_state(
        self, args: Mapping[str, Any], context: ToolContext
    ) -> tuple[FileState, ...]:
        """Return the files that the call may change, as they are now; none if it changes none."""
        ...

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Do the work. `args` fit the schema.

        Raises:
            Refused, Failed: with the output so far as the error's note.
        """
        ...


def within(text: str, most_bytes: int) -> str:
    """Return a text of at most so many bytes: head and tail, and how much is left out between."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most_bytes:
        return text
    half = (most_bytes - _LEFT_OUT_BYTES) // 2
    head, tail = (part.decode("utf-8", "ignore") for part in (data[:half], data[-half:]))
    return f"{head}\n… ({len(data) - 2 * half} bytes left out) …\n{tail}"


def output_so_far(error: BaseException) -> str:
    """Return what a failed tool had printed before it raised `error`."""
    return "\n".join(getattr(error, "__notes__", ()))
