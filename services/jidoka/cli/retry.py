"""`jidoka retry [ID]`: answer the last messages once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options, undoing

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    *,
    target: undoing.Target = None,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Undo the turn first, files too.")
    ] = False,
    force: undoing.Force = False,
    keep_mine: undoing.KeepMine = False,
    conversation: undoing.Conversation = False,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Watch the turn to its end.")] = False,
    as_json: options.AsJson = False,
) -> int:
    """Go on with a turn that failed or was stopped; with --regenerate answer the last one anew.

    The messages are the same and stand once in the conversation.
    """
    files = undoing.wish(force=force, keep_mine=keep_mine, conversation=conversation)
    if files != "restore" and not regenerate:
        raise typer.BadParameter("what becomes of files is a question only with --regenerate")
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.sending import tell  # noqa: PLC0415

    async def work(client: Client) -> int:
        session_id = await undoing.target_id(client, target)
        async with undoing.opened(client, session_id, close=wait):
            number = await client.retry(session_id, regenerate=regenerate, files=files)
            return await tell(client, session_id, number, wait=wait, as_json=as_json)

    return with_client(work)
