"""A command's way through a layer: limited shell, child process, bounded output."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from jidoka.contract.private_keys import without_edges
from jidoka.core.tooling import CommandResult, Limits, Stdio
from jidoka.sandbox.control_groups import ControlGroups, Group
from jidoka.sandbox.output import Output
from jidoka.sandbox.process import End, Launch, run_to_end


async def run_command(
    launch: Launch,
    *,
    group: Group | None,
    restore: Callable[[], tuple[str, ...]],
    timeout_s: float,
    on_output: Callable[[str], None],
    limits: Limits,
    stdio: Stdio | None,
) -> CommandResult:
    """Run what a layer has prepared and tell how it ended.

    `launch` joins `group` by itself. `restore` is called when everything has ended; its sentences
    become the result's notes.
    """
    if stdio is not None:
        launch = replace(launch, stdin_fd=stdio.stdin_fd, stdout_fd=stdio.stdout_fd)
    output = Output(on_output)
    started = time.monotonic()
    try:
        end = await run_to_end(
            launch, output=output, output_bytes=limits.output_bytes, timeout_s=timeout_s
        )
    except BaseException:
        output.discard()
        raise
    finally:
        notes = restore()
    output.close()
    return _result(end, output, time.monotonic() - started, notes, _limit(end, group))


def _limit(end: End, group: Group | None) -> str | None:
    """Return the limit that ended a command; one that it got over is its own affair."""
    if end.output_limit:
        return "output"
    return group.reached() if group and (end.exit_status or end.timed_out) else None


def _result(
    end: End, output: Output, duration_s: float, notes: tuple[str, ...], limit: str | None
) -> CommandResult:
    head, tail = output.head(), output.tail()
    if tail:
        head, tail = without_edges(head, tail)
    return CommandResult(
        exit_status=end.exit_status,
        head=head,
        tail=tail,
        output_bytes=output.size,
        duration_s=duration_s,
        timed_out=end.timed_out,
        limit=limit,
        spill=output.spill,
        notes=notes,
    )


@contextlib.asynccontextmanager
async def grouped(groups: ControlGroups | None, limits: Limits) -> AsyncGenerator[Group | None]:
    """Have a control group for one command, None where there are none."""
    if groups is None:
        yield None
        return
    async with groups.group(limits) as group:
        yield group
