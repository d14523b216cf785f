"""`jidoka session configure`: another model, mode, limit or rule from the next call on."""

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
    fallback: options.Fallback = None,
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
    limit: options.Limit = None,
    system_prompt: Annotated[str | None, typer.Option(help="Beside the usual one.")] = None,
    as_json: options.AsJson = False,
) -> int:
    """Change a session's model, mode, network, rules, limits or prompt from the next call on."""
    changes: dict[str, Any] = {}
    if rule and no_rules:
        raise typer.BadParameter("--rule and --no-rules exclude each other")
    if fallback and not model:
        raise typer.BadParameter("--fallback goes with --model: a choice of models is made whole")
    if limit:
        changes["limits"] = options.limits_of(limit)
    if system_prompt is not None:
        changes["system_prompt"] = system_prompt
    if model or api_base or api_key_ref:
        changes["llm"] = options.llm_of(model, api_base, api_key_ref, fallback)
    if permission_mode is not None:
        changes["permission_mode"] = permission_mode.value
    if network is not None:
        changes["network"] = network
    if rule or no_rules:
        changes["permissions"] = () if no_rules else tuple(rule or ())
    if not changes:
        raise typer.BadParameter("name what is to change: see --help")

    async def work(client: Client, session_id: str) -> int:
        return await client.configure_session(session_id, **changes)

    return act(target, work, said="is configured", as_json=as_json)
