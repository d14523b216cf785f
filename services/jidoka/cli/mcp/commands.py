"""`jidoka mcp ...`: the MCP servers of a session, one command a file."""

from __future__ import annotations

import typer

from jidoka.cli.mcp import add, listing, remove
from jidoka.cli.options import epilog_of

group = typer.Typer(
    help="MCP servers of a session: their tools beside jidoka's own.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
EXAMPLES = {
    "add": (
        "jidoka mcp add cart tickets -- npx tickets-mcp --read-only",
        "jidoka mcp add cart tickets --env TOKEN=JIDOKA_MCP_TICKETS -- tickets-mcp",
        "jidoka mcp add cart docs --url https://mcp.example.org/mcp",
    ),
    "list": ("jidoka mcp list cart", "jidoka mcp list cart --json"),
    "remove": ("jidoka mcp remove cart tickets",),
}
COMMANDS = {"add": add.command, "list": listing.command, "remove": remove.command}

for name, command in COMMANDS.items():
    group.command(name, epilog=epilog_of(EXAMPLES[name]))(command)
