"""`jidoka clear ID`: the model begins anew; the log keeps what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Have the model forget the conversation; the log keeps all of it, files stay as they are."""

    async def work(client: Client, session_id: str) -> int:
        return await client.clear_conversation(session_id)

    return act(target, work, said="begins anew", as_json=as_json)
