"""`jidoka mcp remove`: take a server away from a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    target: options.Target,
    name: Annotated[str, typer.Argument(help="As `jidoka mcp list` shows it.")],
    as_json: options.AsJson = False,
) -> int:
    """End a session's server; its tools are gone with it."""
    from jidoka.contract.errors import InvalidMessage  # noqa: PLC0415

    async def work(client: Client, session_id: str) -> int:
        there = [server.name for server in await client.mcp_servers(session_id)]
        if name not in there:
            known = ", ".join(there) or "none"
            raise InvalidMessage.of("name", f"the session has no server {name!r}; it has: {known}")
        return await client.remove_mcp_server(session_id, name)

    return act(target, work, said=f"has no MCP server {name} any more", as_json=as_json)
