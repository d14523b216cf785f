"""`jidoka cancel ID`: stop the running turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Stop the running turn of a session."""

    async def work(client: Client, session_id: str) -> int:
        return await client.cancel_turn(session_id, "asked on the command line")

    return act(target, work, said="is told to stop its turn", as_json=as_json)
