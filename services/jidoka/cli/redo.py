"""`jidoka redo [ID]`: bring back what was undone last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options, undoing

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.event_groups import UndoEnd


def command(
    *,
    target: undoing.Target = None,
    force: undoing.Force = False,
    keep_mine: undoing.KeepMine = False,
    conversation: undoing.Conversation = False,
    as_json: options.AsJson = False,
) -> int:
    """Bring back what was undone last, files and conversation; a new message ends the chance."""
    files = undoing.wish(force=force, keep_mine=keep_mine, conversation=conversation)

    async def work(client: Client, session_id: str) -> UndoEnd:
        return await client.redo(session_id, files)

    return undoing.end_of(target, work, as_json=as_json)
