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
    from jidoka.contract.errors import InvalidMessage, PathNotFound  # noqa: PLC0415

    async def work(client: Client, session_id: str) -> int:
        try:
            return await client.remove_file(session_id, path)
        except PathNotFound:  # the file may well be there
            reason = f"{path!r} is no active file; `jidoka session file list` shows them"
            raise InvalidMessage.of("path", reason) from None

    return act(target, work, said=f"keeps {path} before the model no longer", as_json=as_json)
