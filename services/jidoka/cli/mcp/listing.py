"""`jidoka mcp list`: the servers of a session."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.client.shapes import ServerView

_MOST = 200


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Show the MCP servers of a session: whether they answer, and what tools they have."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    async def work(client: Client) -> tuple[ServerView, ...]:
        return await client.mcp_servers(await session_id_of(client, target))

    servers = with_client(work)
    if as_json:
        print_json([asdict(server) for server in servers])
        return 0
    rows = [(s.name, s.state, str(len(s.tools)), harmless(_what(s)[:_MOST])) for s in servers]
    print_table(("name", "state", "tools", "what"), rows)
    return 0


def _what(server: ServerView) -> str:
    """Return what is wrong with a server, without saying again which; else where it is."""
    if server.state == "stopped":
        return f"starts with the next turn: {server.there}"
    return server.problem.removeprefix(f"The MCP server {server.name!r} is ") or server.there
