"""`jidoka registry rebuild`: the registry is a projection; it can always be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client

group = typer.Typer(
    help="The list of sessions, a projection of the log.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@group.callback()
def registry() -> None:
    """The list of sessions, a projection of the log."""


@group.command("rebuild", epilog=options.epilog_of(["jidoka registry rebuild"]))
def rebuild(as_json: options.AsJson = False) -> int:
    """Make the registry again from the log; the rows are the same."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, waiting  # noqa: PLC0415

    async def work(client: Client) -> int:
        with waiting("reading the log"):
            return await client.rebuild_registry()

    position = with_client(work)
    if as_json:
        print_json({"position": position})
    else:
        print(f"The registry is made anew, up to event {position} of the log.")
    return 0
