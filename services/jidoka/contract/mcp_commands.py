"""What may be asked about a session's MCP servers."""

from __future__ import annotations

from jidoka.contract.command_data import SessionCommand
from jidoka.contract.mcp import McpServer, ServerName


class AddMcpServer(SessionCommand, name="mcp.add"):
    """Give a session a server's tools, from the next model call on; again replaces it."""

    server: McpServer


class RemoveMcpServer(SessionCommand, name="mcp.remove"):
    """End a session's server; its tools are gone with it."""

    server_name: ServerName
