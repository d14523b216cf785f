"""`jidoka queue list`: the messages of a session that wait for a turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.client.shapes import Message

_MOST = 100


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Show the messages that wait for a turn, the next one first."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.queue.waiting import messages  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    async def work(client: Client) -> tuple[Message, ...]:
        return await messages(client, await session_id_of(client, target))

    waiting = with_client(work)
    if as_json:
        fields = ("message_id", "text", "author")
        print_json([{name: getattr(message, name) for name in fields} for message in waiting])
        return 0
    rows = [
        (str(place), harmless(" ".join(message.text.split())[:_MOST]), message.message_id)
        for place, message in enumerate(waiting, 1)
    ]
    print_table(("", "message", "id"), rows)
    return 0
