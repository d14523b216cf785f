"""`jidoka dlq drop`: erase one message of quarantine, or all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.dlq.wording import Program, title_of

if TYPE_CHECKING:
    from jidoka.client import Client, Extent, Quarantined


def command(
    *,
    number: Annotated[
        int | None, typer.Argument(help="As `jidoka dlq list` shows it.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is there now.")] = False,
    program: Program = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")] = False,
    as_json: options.AsJson = False,
) -> int:
    """Erase one message or all of them, for good. On a terminal you are asked first."""
    if (number is not None) == everything:
        raise typer.BadParameter("name a number, or --all")
    if program is not None and not everything:
        raise typer.BadParameter("--program goes with --all")
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    ask = sys.stdin.isatty() and not yes
    dropped = _all(program, ask=ask) if number is None else _one(number, ask=ask)
    if as_json:
        print_json({"dropped": dropped})
    else:
        print(f"Dropped from quarantine: {dropped}")
    return 0


def _one(number: int, *, ask: bool) -> int:
    from jidoka.cli.door import with_client  # noqa: PLC0415

    async def look(client: Client) -> Quarantined:
        return await client.get_quarantined(number)

    async def drop(client: Client) -> None:
        await client.drop_quarantined(number)

    if ask and not _agreed(f"Drop {number}, {title_of(with_client(look))}, for good?"):
        return 0
    with_client(drop)
    return 1


def _all(program: str | None, *, ask: bool) -> int:
    """Erase what is there when it is asked: what comes during the question stays."""
    from jidoka.cli.door import with_client  # noqa: PLC0415

    async def look(client: Client) -> Extent:
        return await client.quarantine_extent(program)

    extent = with_client(look)

    async def drop(client: Client) -> int:
        return await client.clear_quarantine(extent.last, program)

    whose = f" of {program}" if program else ""
    asked = f"Drop all {extent.messages} messages{whose} in quarantine, for good?"
    if extent.messages == 0 or (ask and not _agreed(asked)):
        return 0
    return with_client(drop)


def _agreed(question: str) -> bool:
    """Ask outside of any connection: a person may take as long as it takes."""
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    return typer.confirm(harmless(question), err=True)
