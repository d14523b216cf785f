"""The messages of a session that wait, and which of them is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.client.shapes import Message


async def messages(client: Client, session_id: str) -> tuple[Message, ...]:
    """Return the messages that no turn has taken up, in their order."""
    return (await client.session_view(session_id)).waiting


async def message_id(client: Client, session_id: str, which: str) -> str:
    """Return the id of a waiting message; what is no place in the list is taken for an id."""
    if not which.isdecimal():
        return which
    waiting = await messages(client, session_id)
    place = int(which)
    return waiting[place - 1].message_id if 0 < place <= len(waiting) else which
