"""`jidoka policy ...`: permission rules tried out before they hold."""

from __future__ import annotations

import typer

from jidoka.cli.policy import test

HELP = "Permission rules, tried on what sessions did before they hold."
EPILOG = """\b
Examples:
  jidoka policy test rules.txt --all
  jidoka policy test rules.txt --session cart --permission-mode full-auto --json
"""

group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)


@group.callback()
def policy() -> None:
    """Permission rules, tried on what sessions did before they hold."""


group.command("test", epilog=EPILOG)(test.command)
