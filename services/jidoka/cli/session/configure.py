"""`jidoka session configure`: another model or permission mode from the next turn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    *,
    target: options.Target,
    model: options.Model = None,
    api_base: options.ApiBase = None,
    api_key_ref: options.ApiKeyRef = None,
    permission_mode: options.PermissionMode = None,
    as_json: options.AsJson = False,
) -> int:
    """Change a session's model or permission mode from the next model call on."""
    changes: dict[str, Any] = {}
    if model or api_base or api_key_ref:
        changes["llm"] = options.llm_of(model, api_base, api_key_ref)
    if permission_mode is not None:
        changes["permission_mode"] = permission_mode.value
    if not changes:
        raise typer.BadParameter("name a model or a permission mode")

    async def work(client: Client, session_id: str) -> int:
        return await client.configure_session(session_id, **changes)

    return act(target, work, said="is configured", as_json=as_json)
