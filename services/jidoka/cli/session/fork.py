"""`jidoka session fork`: go on with a conversation from any place, beside the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jidoka.cli import options
from jidoka.cli.session.opening import open_by

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    *,
    target: options.Target,
    at: Annotated[int | None, typer.Option("--at", min=1, help="The last event to keep.")] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Its folder; default: a git worktree.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="1-50 characters.")] = None,
    conversation: Annotated[
        bool, typer.Option("--conversation", help="Not the files as they were then.")
    ] = False,
    as_json: options.AsJson = False,
) -> int:
    """Go on with a conversation in a new session on a folder of its own; the first one stays.

    The folder gets the files as they were at that event, unless it has something in it.
    """
    from pathlib import Path  # noqa: PLC0415

    from jidoka.cli.door import session_id_of  # noqa: PLC0415

    folder = None if project is None else options.folder_of(Path(project))
    fields: dict[str, Any] = {"project_path": folder, "name": name}
    fields |= {"files": "leave"} if conversation else {}
    given = {key: value for key, value in fields.items() if value is not None}

    async def work(client: Client) -> str:
        source = await session_id_of(client, target)
        return await client.fork_session(source, at, **given)

    return open_by(work, as_json=as_json)
