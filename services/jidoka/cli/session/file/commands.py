"""`jidoka session file ...`: the files that the model has before it in every call."""

from __future__ import annotations

import typer

from jidoka.cli.session.file import add, listing, remove

group = typer.Typer(
    help="Active files: the model has their fresh content in every call.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
group.command("add")(add.command)
group.command("remove")(remove.command)
group.command("list")(listing.command)
