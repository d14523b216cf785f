"""A command's way through a layer: limited shell, child process, bounded output."""

from __future__ import annotations

import time
from collections.abc import Callable

from jidoka.core.tooling import CommandResult, Limits
from jidoka.sandbox.output import Output
from jidoka.sandbox.process import End, Launch, run_to_end


async def run_command(
    launch: Launch,
    *,
    restore: Callable[[], tuple[str, ...]],
    timeout_s: float,
    on_output: Callable[[str], None],
    limits: Limits,
) -> CommandResult:
    """Run what a layer has prepared and tell how it ended.

    `restore` is called when everything has ended; its sentences become the result's notes.
    """
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
    return _result(end, output, time.monotonic() - started, notes)


def _result(end: End, output: Output, duration_s: float, notes: tuple[str, ...]) -> CommandResult:
    return CommandResult(
        exit_status=end.exit_status,
        head=output.head(),
        tail=output.tail(),
        output_bytes=output.size,
        duration_s=duration_s,
        timed_out=end.timed_out,
        limit="output" if end.output_limit else None,
        spill=output.spill,
        notes=notes,
    )
