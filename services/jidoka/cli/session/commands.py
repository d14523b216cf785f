"""`jidoka session ...`: the life of sessions, one command a file."""

from __future__ import annotations

import typer

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
group.command("create")(create.command)
group.command("list")(listing.command)
group.command("show")(show.command)
group.command("close")(close.command)
group.command("resume")(resume.command)
group.command("rename")(rename.command)
group.command("configure")(configure.command)
group.command("terminate")(terminate.command)
group.command("delete")(delete.command)
group.command("export")(export.command)
group.command("import")(importing.command)
group.command("fork")(fork.command)
group.add_typer(file.group, name="file")
