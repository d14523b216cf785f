"""`jidoka queue ...`: the messages that wait for a turn, one command a file."""

from __future__ import annotations

import typer

from jidoka.cli.options import epilog_of
from jidoka.cli.queue import edit, listing, withdraw

group = typer.Typer(
    help="Messages that wait for a turn: seen, changed, taken back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
EXAMPLES = {
    "list": ("jidoka queue list cart", "jidoka queue list cart --json"),
    "edit": ('jidoka queue edit cart 1 "And the tests, too"', "jidoka queue edit cart 2 - < text"),
    "withdraw": ("jidoka queue withdraw cart 1",),
}
COMMANDS = {"list": listing.command, "edit": edit.command, "withdraw": withdraw.command}

for name, command in COMMANDS.items():
    group.command(name, epilog=epilog_of(EXAMPLES[name]))(command)
