"""`jidoka session import`: go on with an exported session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jidoka.cli import options
from jidoka.cli.session.opening import open_by

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    *,
    file: Annotated[Path, typer.Argument(help="What `session export` wrote.")],
    project: options.Project = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="1-50 characters.")] = None,
    model: options.Model = None,
    fallback: options.Fallback = None,
    api_base: options.ApiBase = None,
    api_key_ref: options.ApiKeyRef = None,
    permission_mode: options.PermissionMode = None,
    shared: options.Shared = False,
    worktree: options.Worktree = False,
    as_json: options.AsJson = False,
) -> int:
    """Open a session that goes on with an exported one: its conversation, your settings."""
    fields: dict[str, Any] = {
        "name": name,
        "llm": options.llm_of(model, api_base, api_key_ref, fallback),
        "permission_mode": permission_mode,
        "sharing": options.sharing_of(shared=shared, worktree=worktree),
    }
    given = {key: value for key, value in fields.items() if value is not None}

    async def work(client: Client) -> str:
        source = file.expanduser().absolute()
        return await client.import_session(source, options.folder_of(project), **given)

    return open_by(work, as_json=as_json)
