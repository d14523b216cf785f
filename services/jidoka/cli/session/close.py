"""`jidoka session close`: put a session away; `resume` brings it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Put a session away: its place and folder are free, `resume` brings it back."""

    async def work(client: Client, session_id: str) -> int:
        return await client.close_session(session_id)

    return act(target, work, said="closed", as_json=as_json)
