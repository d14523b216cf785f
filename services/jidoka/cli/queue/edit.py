"""`jidoka queue edit`: change a message that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    target: options.Target,
    which: options.Waiting,
    text: Annotated[str | None, typer.Argument(help="`-`: standard input.")] = None,
    as_json: options.AsJson = False,
) -> int:
    """Give a message that waits another text."""
    content = options.text_or_stdin(text, "message")
    from jidoka.cli.queue.waiting import message_id  # noqa: PLC0415

    async def work(client: Client, session_id: str) -> int:
        found = await message_id(client, session_id, which)
        return await client.edit_message(session_id, found, content)

    return act(target, work, said="has another message waiting", as_json=as_json)
