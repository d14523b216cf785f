"""`jidoka session delete`: erase a session that is closed or has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Erase a closed or terminated session: log, blobs, snapshot. The project stays as it is."""

    async def work(client: Client, session_id: str) -> int:
        return await client.delete_session(session_id)

    return act(target, work, said="deleted", as_json=as_json)
