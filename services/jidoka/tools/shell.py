"""`shell`: a command in the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.contract.errors import JidokaError, ToolLimit, ToolTimeout
from jidoka.core.tooling import (
    CommandResult,
    EffectClass,
    ToolContext,
    ToolOutcome,
    ToolSpec,
)
from jidoka.tools import schemas
from jidoka.tools.pre_state import ChangesNoKnownFile
from jidoka.tools.spill import drop_spill

DEFAULT_TIMEOUT_S = 120
MAX_TIMEOUT_S = 600
MAX_COMMAND_CHARACTERS = 64 * 1024
"""Half of what the kernel takes as one argument."""


class Shell(ChangesNoKnownFile):
    """Runs a command."""

    spec = ToolSpec(
        name="shell",
        description=(
            "Run a shell command in the project folder, in a sandbox: no network, nothing outside "
            "the project can be written, .git is read-only. Ends with all that it started."
        ),
        parameters=schemas.arguments(
            {"command": schemas.text("The command.", least=1, most=MAX_COMMAND_CHARACTERS)},
            {
                "timeout_s": schemas.number(
                    f"Seconds until it is ended, default {DEFAULT_TIMEOUT_S}.",
                    least=1,
                    most=MAX_TIMEOUT_S,
                )
            },
        ),
        effect=EffectClass.EFFECT,
        timeout_s=DEFAULT_TIMEOUT_S,
        streams=True,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the output and the exit status, whatever it is."""
        timeout_s = float(args.get("timeout_s") or context.timeout_s or self.spec.timeout_s)
        result = await context.sandbox.run(
            args["command"].replace("\0", ""),
            root=context.root,
            timeout_s=timeout_s,
            on_output=context.on_output,
            limits=context.limits,
            network=context.network,
        )
        if result.timed_out:
            raise _with_output(ToolTimeout(timeout_s=timeout_s), result)
        if result.limit is not None:
            raise _with_output(ToolLimit(kind=result.limit), result)
        return ToolOutcome(
            text=text_of(result),
            exit_status=result.exit_status,
            spill=result.spill,
            output_bytes=result.output_bytes,
        )


def text_of(result: CommandResult) -> str:
    """Return what the model reads of a command: head, tail, notes, exit status."""
    parts = [result.head.removesuffix("\n")] if result.head else []
    if result.tail:
        left_out = result.output_bytes - len(result.head.encode()) - len(result.tail.encode())
        parts += [f"… ({left_out} bytes left out) …", result.tail.removesuffix("\n")]
    parts += [f"(jidoka: {note})" for note in result.notes]
    if result.exit_status or not parts:
        parts.append(f"(exit status {result.exit_status})")
    return "\n".join(parts)


def _with_output(error: JidokaError, result: CommandResult) -> JidokaError:
    """Return `error` with what was printed as its note; the rest of a long output goes."""
    drop_spill(result)
    if result.head:
        error.add_note(text_of(result))
    return error
