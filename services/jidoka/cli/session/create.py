"""`jidoka session create`: open a session on a project folder."""

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
    folder: Annotated[
        Path | None, typer.Argument(readable=False, help="The project's folder.")
    ] = None,
    project: options.Project = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="1-50 characters.")] = None,
    model: options.Model = None,
    fallback: options.Fallback = None,
    api_base: options.ApiBase = None,
    api_key_ref: options.ApiKeyRef = None,
    permission_mode: options.PermissionMode = None,
    sandbox: options.SandboxMode = options.Sandbox.AUTO,
    shared: options.Shared = False,
    worktree: options.Worktree = False,
    network: options.Network = False,
    rule: options.Rules = None,
    limit: options.Limit = None,
    system_prompt: Annotated[str | None, typer.Option(help="Beside the usual one.")] = None,
    as_json: options.AsJson = False,
) -> int:
    """Open a session. It asks before it changes anything, unless another mode is named."""
    if folder is not None and project is not None:
        raise typer.BadParameter("name the folder once")
    fields: dict[str, Any] = {
        "name": name,
        "llm": options.llm_of(model, api_base, api_key_ref, fallback),
        "permission_mode": permission_mode,
        "sandbox": sandbox,
        "sharing": options.sharing_of(shared=shared, worktree=worktree),
        "system_prompt": system_prompt,
        "network": network or None,
        "permissions": rule,
        "limits": options.limits_of(limit),
    }
    given = {key: value for key, value in fields.items() if value is not None}

    async def work(client: Client) -> str:
        return await client.create_session(options.folder_of(folder or project), **given)

    return open_by(work, as_json=as_json)
