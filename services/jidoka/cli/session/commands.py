"""`jidoka session ...`: the life of sessions, one command a file."""

from __future__ import annotations

import typer

from jidoka.cli.options import epilog_of
from jidoka.cli.session import (
    close,
    configure,
    create,
    delete,
    export,
    fork,
    importing,
    listing,
    rename,
    resume,
    show,
    terminate,
)
from jidoka.cli.session.file import commands as file

group = typer.Typer(
    help="The life of sessions: from create to delete, and to a file and back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
EXAMPLES = {
    "create": (
        "jidoka session create ~/cart --name cart",
        "jidoka session create --worktree --permission-mode auto-edit --rule 'deny * .env'",
        "jidoka session create ~/cart --limit session_cost_usd=2 --limit context_tokens=60000",
    ),
    "list": ("jidoka session list", "jidoka session list --status closed --json"),
    "show": ("jidoka session show cart", "jidoka session show 1 --json"),
    "close": ("jidoka session close cart",),
    "resume": ("jidoka session resume cart",),
    "rename": ('jidoka session rename cart "old cart"',),
    "configure": (
        "jidoka session configure cart --model anthropic/claude-sonnet-4-5",
        "jidoka session configure cart --permission-mode plan --no-network",
        "jidoka session configure cart --rule 'allow shell pytest' --rule 'deny * .env'",
    ),
    "terminate": ("jidoka session terminate cart",),
    "delete": ("jidoka session delete cart",),
    "export": ("jidoka session export cart cart.jsonl",),
    "import": ("jidoka session import cart.jsonl --project ~/cart --name again",),
    "fork": (
        "jidoka session fork cart",
        "jidoka session fork cart --at 40 --name other",
    ),
}
COMMANDS = {
    "create": create.command,
    "list": listing.command,
    "show": show.command,
    "close": close.command,
    "resume": resume.command,
    "rename": rename.command,
    "configure": configure.command,
    "terminate": terminate.command,
    "delete": delete.command,
    "export": export.command,
    "import": importing.command,
    "fork": fork.command,
}

for name, command in COMMANDS.items():
    group.command(name, epilog=epilog_of(EXAMPLES[name]))(command)
group.add_typer(file.group, name="file")
