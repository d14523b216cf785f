"""`jidoka queue withdraw`: take back a message that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(target: options.Target, which: options.Waiting, as_json: options.AsJson = False) -> int:
    """Take back a message that waits; the agent never reads it."""
    from jidoka.cli.queue.waiting import message_id  # noqa: PLC0415

    async def work(client: Client, session_id: str) -> int:
        found = await message_id(client, session_id, which)
        return await client.withdraw_message(session_id, found)

    return act(target, work, said="has one message less waiting", as_json=as_json)
