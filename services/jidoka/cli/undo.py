"""`jidoka undo [ID]`: take back the last turns, files and conversation together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options, undoing
from jidoka.contract.undo_commands import MOST_TURNS

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.event_groups import UndoEnd


def command(
    *,
    target: undoing.Target = None,
    turns: Annotated[
        int, typer.Option("--turns", "-n", min=1, max=MOST_TURNS, help="How many.")
    ] = 1,
    force: undoing.Force = False,
    keep_mine: undoing.KeepMine = False,
    conversation: undoing.Conversation = False,
    as_json: options.AsJson = False,
) -> int:
    """Take back the last turns: their files, also what commands changed, and what was said.

    Refused where you changed one of the files since.
    """
    files = undoing.wish(force=force, keep_mine=keep_mine, conversation=conversation)

    async def work(client: Client, session_id: str) -> UndoEnd:
        return await client.undo(session_id, turns, files)

    return undoing.end_of(target, work, as_json=as_json)
