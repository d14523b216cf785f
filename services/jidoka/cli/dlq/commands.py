"""`jidoka dlq ...`: what no program could take up, one command a file."""

from __future__ import annotations

import typer

from jidoka.cli.dlq import drop, listing, redrive, show
from jidoka.cli.options import epilog_of

HELP = "Quarantine: what no program could take up, with the reason."

group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

EXAMPLES = {
    "list": (
        "jidoka dlq list",
        "jidoka dlq list --program coordinator --code session_not_found --json",
        "jidoka dlq list --after 120 --limit 20",
    ),
    "show": ("jidoka dlq show 7", "jidoka dlq show 7 --json"),
    "redrive": ("jidoka dlq redrive 7",),
    "drop": ("jidoka dlq drop 7", "jidoka dlq drop --all --program coordinator --yes"),
}
COMMANDS = {
    "list": listing.command,
    "show": show.command,
    "redrive": redrive.command,
    "drop": drop.command,
}

for name, command in COMMANDS.items():
    group.command(name, epilog=epilog_of(EXAMPLES[name]))(command)
