"""`jidoka session file remove`: keep a file before the model no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    target: options.Target,
    path: Annotated[str, typer.Argument(help="Relative to the project, or inside it.")],
    as_json: options.AsJson = False,
) -> int:
    """Keep a file before the model no longer."""

    async def work(client: Client, session_id: str) -> int:
        return await client.remove_file(session_id, path)

    return act(target, work, said=f"keeps {path} before the model no longer", as_json=as_json)
