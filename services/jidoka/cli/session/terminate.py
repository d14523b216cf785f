"""`jidoka session terminate`: end a session for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """End a session for good. It stays readable."""

    async def work(client: Client, session_id: str) -> int:
        return await client.terminate_session(session_id)

    return act(target, work, said="terminated", as_json=as_json)
