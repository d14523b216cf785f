"""What a project's own checkers say of files that were just written: ruff and ty, for Python.

    the project has the program       .venv/bin/ruff, .venv/bin/ty     it is a command as any other
    it has settings for it            ruff.toml, [tool.ruff] ...       the system's program is taken

Everything runs in the sandbox, within seconds. Where nothing fits, or nothing is wrong, nothing is
said.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from jidoka.contract.errors import JidokaError
from jidoka.core.tooling import FileState, ProjectFiles, ToolContext
from jidoka.tools.spill import drop_spill

TIMEOUT_S = 5.0
MOST_CHARACTERS = 4_000
_MOST_FILES = 50
_MOST_BYTES = 65_536
_ENVIRONMENTS = (".venv/bin", "venv/bin")
_MISSING = 127

May = Callable[[str, bool], bool]
"""Whether a command may run; the second argument tells that its program is the project's own."""


@dataclass(frozen=True, slots=True)
class Checker:
    """A program that reads Python files and says what is wrong with them."""

    name: str
    arguments: tuple[str, ...]
    settings: tuple[str, ...]
    """Files that mean that the project uses it."""


CHECKERS = (
    Checker(
        "ruff",
        (
            "check",
            "--quiet",
            "--no-cache",
            "--no-fix",
            "--force-exclude",
            "--output-format=concise",
        ),
        ("ruff.toml", ".ruff.toml"),
    ),
    Checker("ty", ("check", "--output-format=concise", "--quiet"), ("ty.toml",)),
)


async def findings(changed: Sequence[FileState], context: ToolContext, may: May) -> str:
    """Return what checkers say of the changed Python files; empty where there is nothing."""
    paths = [file.path for file in changed if file.sha256 and file.path.endswith((".py", ".pyi"))]
    if not paths:
        return ""
    said = [await _said_by(checker, paths[:_MOST_FILES], context, may) for checker in CHECKERS]
    return "\n".join(text for text in said if text)


async def _said_by(checker: Checker, paths: Sequence[str], context: ToolContext, may: May) -> str:
    command = _command(checker, paths, context.files, may)
    if command is None:
        return ""
    try:
        result = await context.sandbox.run(
            command,
            root=context.root,
            timeout_s=TIMEOUT_S,
            on_output=_unseen,
            limits=replace(context.limits, output_bytes=_MOST_BYTES),
        )
    except JidokaError:
        return ""  # no sandbox holds here: nothing runs
    drop_spill(result)
    text = result.head.strip()
    if result.timed_out or result.exit_status in (0, _MISSING) or not text:
        return ""
    cut = "\n(more is left out)" if len(text) > MOST_CHARACTERS else ""
    return f"({checker.name} says:)\n{text[:MOST_CHARACTERS]}{cut}"


def _command(checker: Checker, paths: Sequence[str], files: ProjectFiles, may: May) -> str | None:
    """Return the command line of a checker, None where the project does not use it."""
    words = shlex.join([*checker.arguments, "--", *paths])
    for folder in _ENVIRONMENTS:
        own = f"{folder}/{checker.name}"
        if _is_there(files, own):
            command = f"./{own} {words}"
            return command if may(command, True) else None
    command = f"{checker.name} {words}"
    return command if _is_used(checker, files) and may(command, False) else None


def _is_used(checker: Checker, files: ProjectFiles) -> bool:
    if any(_is_there(files, name) for name in checker.settings):
        return True
    return f"[tool.{checker.name}".encode() in _head_of(files, "pyproject.toml")


def _is_there(files: ProjectFiles, path: str) -> bool:
    with suppress(JidokaError):
        os.close(files.open_file(path))
        return True
    return False


def _head_of(files: ProjectFiles, path: str) -> bytes:
    with suppress(JidokaError), os.fdopen(files.open_file(path), "rb") as file:
        return file.read(_MOST_BYTES)
    return b""


def _unseen(_text: str) -> None:
    """Nobody watches."""
