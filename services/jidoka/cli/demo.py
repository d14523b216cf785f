"""`jidoka demo`: a model finds, mends and verifies a failing test, in a copy of a small project."""

from __future__ import annotations

from typing import Annotated

import typer

from jidoka.cli import options


def command(
    scripted: Annotated[
        bool, typer.Option("--scripted", help="Recorded answers instead of a model: seconds.")
    ] = False,
    model: options.Model = None,
    sandbox: options.SandboxMode = options.Sandbox.AUTO,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the project's copy there.")] = False,
) -> int:
    """Watch a session mend a failing test. Without --model it is the embedded model: no key."""
    if scripted and model is not None:
        raise typer.BadParameter("--scripted and --model exclude each other")
    from jidoka.cli.demonstrating import demonstrate  # noqa: PLC0415

    return demonstrate(model, scripted=scripted, sandbox=sandbox.value, keep=keep)
