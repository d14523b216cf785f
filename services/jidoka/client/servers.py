"""The client's way to a session's MCP servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jidoka.client.permissions import Permissions
from jidoka.client.shapes import ServerView
from jidoka.client.viewing import view_of
from jidoka.contract.mcp_commands import AddMcpServer, RemoveMcpServer


class Servers(Permissions):
    """The part of the client that gives sessions servers and takes them away."""

    async def add_mcp_server(
        self,
        session_id: str,
        name: str,
        *,
        command: Iterable[str] = (),
        url: str | None = None,
        variables: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Give a session a server, by a command that speaks MCP or by its URL.

        `variables` and `headers` name variables of the agent host (`JIDOKA_MCP_...`), no values.

        Raises:
            InvalidMessage: what it is, or how many there are already.
        """
        server = {
            "name": name,
            "command": tuple(command),
            "url": url,
            "variables": dict(variables or {}),
            "headers": dict(headers or {}),
        }
        return await self._record(AddMcpServer, {"server": server}, session_id)

    async def remove_mcp_server(self, session_id: str, name: str) -> int:
        """Take a server away; one that is not there is gone already."""
        return await self._record(RemoveMcpServer, {"server_name": name}, session_id)

    async def mcp_servers(self, session_id: str) -> tuple[ServerView, ...]:
        """Return the servers of a session, with their state and tools."""
        return (await view_of(self.bus, session_id)).servers
