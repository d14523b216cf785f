"""`jidoka session resume`: bring a closed session back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Bring a closed session back, with its whole conversation."""

    async def work(client: Client, session_id: str) -> int:
        return await client.resume_session(session_id)

    return act(target, work, said="resumed", as_json=as_json)
