"""`jidoka diff [ID] [TURN]`: what a turn changed in the project folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options, undoing

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.content import FileDiff
    from jidoka.contract.replies import TurnDiff

_STYLES = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}


def command(
    target: undoing.Target = None,
    turn: Annotated[
        str | None, typer.Argument(help="Its number from 1, or its id; default: the last one.")
    ] = None,
    stat: Annotated[bool, typer.Option("--stat", help="The files only.")] = False,
    as_json: options.AsJson = False,
) -> int:
    """Show what a turn changed in the project folder, also what commands did."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    async def work(client: Client) -> TurnDiff:
        return await client.turn_diff(await undoing.target_id(client, target), turn)

    found = with_client(work)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return 0
    print("\n".join(_head(found)))
    if not stat:
        _print_diff(found.diff)
    return 0


def _head(found: TurnDiff) -> list[str]:
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    undone = ", undone since" if found.undone else ""
    files = f"{found.files_total} file{'s' * (found.files_total != 1)} changed"
    lines = [f"turn {found.number}: {found.outcome}{undone}, {files}"]
    lines += [f"  {harmless(_line(file))}" for file in found.files]
    if found.files_total > len(found.files):
        lines.append(f"  … and {found.files_total - len(found.files)} more")
    return lines + [f"  not compared: {harmless(path)}" for path in found.left_out]


def _line(file: FileDiff) -> str:
    if file.change == "mode":
        return f"{file.path}  {file.old_mode} → {file.new_mode}"
    size = "no text" if file.added is None else f"+{file.added} -{file.removed}"
    return f"{file.path}  {size}" + (f" ({file.change})" if file.change != "modified" else "")


def _print_diff(diff: str) -> None:
    from jidoka.cli.showing import colored  # noqa: PLC0415
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    styled = colored(sys.stdout)
    for line in harmless(diff).splitlines():
        style = _STYLES.get(line[:1], "") if styled else ""
        print(f"{style}{line}\x1b[0m" if style else line)
