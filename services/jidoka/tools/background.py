"""Commands that go on while the model does something else: start, read, end.

They belong to the session's worker: whatever ends it ends them, and closing the box waits until
they are gone. Each runs in a sandbox of its own, so none reaches the network ports of another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from jidoka.contract.errors import JidokaError, ToolFailed, ToolLimit
from jidoka.core.tooling import (
    INLINE_BYTES,
    CommandResult,
    EffectClass,
    ToolContext,
    ToolOutcome,
    ToolSpec,
)
from jidoka.tools import schemas
from jidoka.tools.pre_state import ChangesNoKnownFile
from jidoka.tools.shell import MAX_COMMAND_CHARACTERS
from jidoka.tools.spill import drop_spill

MAX_RUNNING = 8
MAX_KNOWN = 64
LONGEST_S = 24 * 3600.0
MAX_WAIT_S = 25
_ID = schemas.text("The id that shell_start gave.", least=1, most=20)


@dataclass(slots=True)
class _Shell:
    """One command, running or ended."""

    command: str
    unread: str = ""
    lost: int = 0
    """Characters that were printed and dropped before anyone read them."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    end: str | None = None
    """How it ended, in words; None while it runs."""

    def show(self, text: str) -> None:
        """Keep what was printed, the newest part of it when nobody reads."""
        self.unread += text
        if more := max(0, len(self.unread) - INLINE_BYTES // 2):
            self.unread = self.unread[more:]
            self.lost += more
        self.news.set()

    def finish(self, _task: asyncio.Task[None]) -> None:
        """Note that it is gone; one that was ended before it began never ran at all."""
        self.end = self.end or "ended on request"
        self.news.set()

    def take(self) -> str:
        """Return what was printed since the last time."""
        dropped = [f"… ({self.lost} characters were not read in time)"] if self.lost else []
        said = "\n".join([*dropped, self.unread.removesuffix("\n")]).strip("\n")
        self.unread, self.lost = "", 0
        self.news.clear()
        return said


class BackgroundShells:
    """The background commands of one session; open it with `async with`."""

    def __init__(self) -> None:
        self._tasks = asyncio.TaskGroup()
        self._open = False
        self._shells: dict[str, _Shell] = {}
        self._next = 1

    async def __aenter__(self) -> Self:
        """Return the box; leaving it ends every command."""
        await self._tasks.__aenter__()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all commands and wait until they are gone."""
        self._open = False
        for shell in self._shells.values():
            if shell.task is not None:
                shell.task.cancel()
        await self._tasks.__aexit__(kind, error, trace)

    def tools(self) -> tuple[ShellStart, ShellRead, ShellKill]:
        """Return the tools that start, read and end them."""
        return ShellStart(self), ShellRead(self), ShellKill(self)

    def start(self, command: str, context: ToolContext) -> str:
        """Start a command and return its id.

        Raises:
            ToolLimit: 8 run already.
        """
        if not self._open:
            raise ToolFailed(reason="this session has no place for background commands")
        if sum(shell.end is None for shell in self._shells.values()) >= MAX_RUNNING:
            raise ToolLimit(kind=f"{MAX_RUNNING} background commands")
        self._forget_oldest()
        name, shell = f"bg{self._next}", _Shell(command)
        self._next += 1
        self._shells[name] = shell
        shell.task = self._tasks.create_task(_run(shell, context), name=f"background {name}")
        shell.task.add_done_callback(shell.finish)
        return name

    def get(self, name: str) -> _Shell:
        """Return a command by its id.

        Raises:
            ToolFailed: there is none, with those that there are.
        """
        if name not in self._shells:
            known = ", ".join(self._shells) or "none"
            raise ToolFailed(reason=f"there is no background command {name!r}; known: {known}")
        return self._shells[name]

    def _forget_oldest(self) -> None:
        ended = [name for name, shell in self._shells.items() if shell.end is not None]
        for name in ended[: max(0, len(self._shells) - MAX_KNOWN + 1)]:
            del self._shells[name]


async def _run(shell: _Shell, context: ToolContext) -> None:
    redacted = context.redactor.stream()
    try:
        result = await context.sandbox.run(
            shell.command,
            root=context.root,
            timeout_s=LONGEST_S,
            on_output=lambda text: shell.show(redacted.feed(text)),
            limits=context.limits,
            network=context.network,
        )
        drop_spill(result)
        shell.show(redacted.close())
        shell.end = _end_of(result)
    except JidokaError as error:
        shell.end = f"did not run: {error}"


def _end_of(result: CommandResult) -> str:
    if result.limit is not None:
        return f"ran into its limit of {result.limit}"
    return (
        f"ended after {LONGEST_S:.0f} s"
        if result.timed_out
        else f"exit status {result.exit_status}"
    )


class ShellStart(ChangesNoKnownFile):
    """Starts a command and lets it run."""

    spec = ToolSpec(
        name="shell_start",
        description=(
            "Start a shell command that goes on in the background, such as a watcher or a long "
            "build. Returns its id for shell_read and shell_kill. Its network ports cannot be "
            "reached from other commands. It ends with the session."
        ),
        parameters=schemas.arguments(
            {"command": schemas.text("The command.", least=1, most=MAX_COMMAND_CHARACTERS)}
        ),
        effect=EffectClass.EFFECT,
        timeout_s=30,
    )

    def __init__(self, shells: BackgroundShells) -> None:
        self._shells = shells

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the id."""
        name = self._shells.start(args["command"].replace("\0", ""), context)
        return ToolOutcome(f"Started {name}.")


class ShellRead(ChangesNoKnownFile):
    """Shows what a background command printed."""

    spec = ToolSpec(
        name="shell_read",
        description=(
            "Show what a background command printed since it was last read, and whether it runs."
        ),
        parameters=schemas.arguments(
            {"id": _ID},
            {
                "wait_s": schemas.number(
                    "Seconds to wait for something new or its end.", least=0, most=MAX_WAIT_S
                )
            },
        ),
        effect=EffectClass.PURE,
        timeout_s=30,
    )

    def __init__(self, shells: BackgroundShells) -> None:
        self._shells = shells

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:  # noqa: ARG002 - the port's
        """Return the output and `(running)` or how it ended."""
        shell = self._shells.get(args["id"])
        if shell.end is None and not shell.unread:
            await _within(shell.news, args.get("wait_s", 0))
        said = [text] if (text := shell.take()) else []
        return ToolOutcome("\n".join([*said, f"({shell.end or 'running'})"]))


class ShellKill(ChangesNoKnownFile):
    """Ends a background command."""

    spec = ToolSpec(
        name="shell_kill",
        description="End a background command and all that it started.",
        parameters=schemas.arguments({"id": _ID}),
        effect=EffectClass.EFFECT,
        timeout_s=30,
    )

    def __init__(self, shells: BackgroundShells) -> None:
        self._shells = shells

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:  # noqa: ARG002 - the port's
        """Return its last output, when it is gone."""
        shell = self._shells.get(args["id"])
        if shell.task is not None:
            shell.task.cancel()
            await asyncio.wait([shell.task])
        said = [text] if (text := shell.take()) else []
        return ToolOutcome("\n".join([*said, f"({shell.end})"]))


async def _within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
