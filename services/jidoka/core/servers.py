"""The MCP servers of a session: what was asked for, and what is known of each.

    mcp.added ──► wanted ──► mcp.delayed    it takes more than a second
                        └──► mcp.connected  its tools are known, in the epoch of one worker
                        └──► mcp.failed     the model goes on without it; the worker tries again
    mcp.removed ──► gone

A worker keeps a server running as long as the session has it. The model is asked when every
server was tried once by this worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.event_groups import McpEvent
from jidoka.contract.mcp import MOST_SERVERS, McpServer, server_of
from jidoka.contract.mcp_commands import AddMcpServer, RemoveMcpServer
from jidoka.core.changing import changed

Specs = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Server:
    """One server."""

    config: McpServer
    added_at: int = 0
    """The number of the event that asked for it."""
    tried_in: int = 0
    """The epoch of the last worker that tried it."""
    tools: tuple[str, ...] = ()
    """The names of its tools; none while it is not connected."""
    problem: ErrorInfo | None = None

    @property
    def name(self) -> str:
        """The name in its tools' names."""
        return self.config.name


def after_mcp_event(
    servers: tuple[Server, ...], event: McpEvent, sequence: int, epoch: int
) -> tuple[Server, ...]:
    """Return the servers after an event about one of them, recorded in `epoch`."""
    match event:
        case e.McpAdded(server=config):
            return (*_without(servers, config.name), Server(config, sequence))
        case e.McpRemoved(server_name=name):
            return _without(servers, name)
        case e.McpDelayed():
            return servers  # it is yet to be seen whether it answers
        case e.McpConnected(server_name=name, tools=tools):
            return _with(servers, name, tried_in=epoch, tools=tools, problem=None)
        case e.McpFailed(server_name=name, error=error):
            return _with(servers, name, tried_in=epoch, tools=(), problem=error)
        case _:
            assert_never(event)


def decide_mcp(
    servers: tuple[Server, ...], command: AddMcpServer | RemoveMcpServer, origin: str
) -> e.McpAdded | e.McpRemoved | None:
    """Return what a command about a server makes true; None when it is true already.

    Raises:
        InvalidMessage: the session has 16 servers.
    """
    there = {server.name: server.config for server in servers}
    match command:
        case AddMcpServer(server=config):
            if there.get(config.name) == config:
                return None
            if config.name not in there and len(there) >= MOST_SERVERS:
                reason = f"the session has {MOST_SERVERS} servers, the most; remove one first"
                raise InvalidMessage.of("server", reason)
            return e.McpAdded(origin=origin, server=config)
        case RemoveMcpServer(server_name=name):
            return e.McpRemoved(origin=origin, server_name=name) if name in there else None
        case _:
            assert_never(command)


def is_of_a_server(servers: tuple[Server, ...], tool: str) -> bool:
    """Tell whether a tool's name is that of one of the session's servers' tools."""
    name = server_of(tool)
    return name is not None and any(server.name == name for server in servers)


def told_of(servers: Iterable[Server], known: Mapping[str, Specs]) -> list[dict[str, Any]]:
    """Return what the model is told of the tools of servers that answer, as last recorded."""
    return [spec for server in servers if server.tools for spec in known.get(server.name, ())]


def why_unknown(server: Server, known: Mapping[str, Specs]) -> str:
    """Return why tools of a server are not told of, in words; empty: they are."""
    if server.problem is not None:
        return f"not offered: {server.problem.message}"
    if not server.tried_in:
        return "not known before its first start, with the next turn"
    return "" if not server.tools or known.get(server.name) else "not recorded yet"


def untried(servers: tuple[Server, ...], epoch: int) -> bool:
    """Tell whether the worker of `epoch` has yet to try one of the servers."""
    return any(server.tried_in != epoch for server in servers)


def _without(servers: tuple[Server, ...], name: str) -> tuple[Server, ...]:
    return tuple(server for server in servers if server.name != name)


def _with(servers: tuple[Server, ...], name: str, **changes: object) -> tuple[Server, ...]:
    return tuple(
        changed(server, **changes) if server.name == name else server  # pyright: ignore[reportArgumentType]
        for server in servers
    )
