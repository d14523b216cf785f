"""`jidoka permission ...`: what a session may do, by which rules, and what it asks."""

from __future__ import annotations

import typer

from jidoka.cli.options import epilog_of
from jidoka.cli.permission import listing, revoke

HELP = "What a session may do without asking: its mode, network, rules and open questions."

group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)

EXAMPLES = {
    "list": ("jidoka permission list cart", "jidoka permission list cart --json"),
    "revoke": ('jidoka permission revoke cart "allow shell git push $"',),
}
COMMANDS = {"list": listing.command, "revoke": revoke.command}

for name, command in COMMANDS.items():
    group.command(name, epilog=epilog_of(EXAMPLES[name]))(command)
