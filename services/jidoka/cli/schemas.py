"""`jidoka schemas write|check`: the published schemas, and whether the models still fit them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jidoka.cli.options import epilog_of

group = typer.Typer(
    help="Write the published schemas, or compare them with the models.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Folder = Annotated[Path, typer.Option("--folder", help="Where the schemas are.")]


@group.command("write", epilog=epilog_of(["jidoka schemas write"]))
def write(folder: Folder = Path("schemas")) -> int:
    """Write one JSON Schema a type from the models."""
    from jidoka.cli import schema_files  # noqa: PLC0415

    changed = schema_files.write(folder)
    print("\n".join(changed) if changed else "The schemas are current.")
    return 0


@group.command("check", epilog=epilog_of(["jidoka schemas check --folder schemas"]))
def check(folder: Folder = Path("schemas")) -> int:
    """Exit with 1 when a model and its published schema differ."""
    from jidoka.cli import schema_files  # noqa: PLC0415

    changed = schema_files.check(folder)
    if changed:
        print("\n".join(changed))
        print("These are not what the models say; `jidoka schemas write` writes them.")
        return 1
    print("The schemas are current.")
    return 0
