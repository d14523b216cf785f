"""`jidoka queue ...`: the messages that wait for a turn, one command a file."""

from __future__ import annotations

import typer

from jidoka.cli.queue import edit, listing, withdraw

group = typer.Typer(
    help="Messages that wait for a turn: seen, changed, taken back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
group.command("list")(listing.command)
group.command("edit")(edit.command)
group.command("withdraw")(withdraw.command)
