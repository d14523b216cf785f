"""`jidoka session configure`: another model, mode, network or rules from the next turn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
    network: Annotated[
        bool | None,
        typer.Option("--network/--no-network", help="Whether its commands reach the network."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="A permission rule; all that are named hold from now on."),
    ] = None,
    no_rules: Annotated[bool, typer.Option("--no-rules", help="No rules of its own.")] = False,
    as_json: options.AsJson = False,
) -> int:
    """Change a session's model, mode, network or rules from the next call on."""
    changes: dict[str, Any] = {}
    if model or api_base or api_key_ref:
        changes["llm"] = options.llm_of(model, api_base, api_key_ref)
    if permission_mode is not None:
        changes["permission_mode"] = permission_mode.value
    if network is not None:
        changes["network"] = network
    if rule or no_rules:
        changes["permissions"] = () if no_rules else tuple(rule or ())
    if not changes:
        raise typer.BadParameter("name a model, a permission mode, the network or rules")

    async def work(client: Client, session_id: str) -> int:
        return await client.configure_session(session_id, **changes)

    return act(target, work, said="is configured", as_json=as_json)
