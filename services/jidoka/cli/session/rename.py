"""`jidoka session rename`: give a session another name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    target: options.Target,
    name: Annotated[str, typer.Argument(help="1-50 letters, digits, space and a few signs.")],
    as_json: options.AsJson = False,
) -> int:
    """Give a session another name."""

    async def work(client: Client, session_id: str) -> int:
        return await client.rename_session(session_id, name)

    return act(target, work, said=f"renamed to {name!r}", as_json=as_json)
