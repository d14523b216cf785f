"""`jidoka session file ...`: the files that the model has before it in every call."""

from __future__ import annotations

import typer

from jidoka.cli.options import epilog_of
from jidoka.cli.session.file import add, listing, remove

group = typer.Typer(
    help="Active files: the model has their fresh content in every call.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
EXAMPLES = {
    "add": ("jidoka session file add cart src/cart.py",),
    "remove": ("jidoka session file remove cart src/cart.py",),
    "list": ("jidoka session file list cart", "jidoka session file list cart --json"),
}
COMMANDS = {"add": add.command, "remove": remove.command, "list": listing.command}

for name, command in COMMANDS.items():
    group.command(name, epilog=epilog_of(EXAMPLES[name]))(command)
