"""`jidoka session import`: go on with an exported session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import SessionInfo


def command(
    *,
    file: Annotated[Path, typer.Argument(help="What `session export` wrote.")],
    project: options.Project = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="1-50 characters.")] = None,
    model: options.Model = None,
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
        "llm": options.llm_of(model, api_base, api_key_ref),
        "permission_mode": permission_mode,
        "sharing": options.sharing_of(shared=shared, worktree=worktree),
    }
    given = {key: value for key, value in fields.items() if value is not None}
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    async def work(client: Client) -> SessionInfo:
        source = file.expanduser().absolute()
        session_id = await client.import_session(source, options.folder_of(project), **given)
        return await client.get_session_info(session_id)

    info = with_client(work)
    if as_json:
        print_json(info.model_dump(mode="json"))
    else:
        print(f"{info.session_id}  {info.name}  {info.project_path}  {info.status}")
    return 0
