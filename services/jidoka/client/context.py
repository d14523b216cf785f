"""What a person sees of the context: active files, what is to be done, what was compacted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

from jidoka.client.shapes import Compaction, ServerView, SessionView
from jidoka.contract import events as e
from jidoka.contract.event_groups import ContextEvent, McpEvent


def of_context(view: SessionView, event: ContextEvent) -> SessionView:
    """Return the view after an event about what the model reads."""
    match event:
        case e.FileAdded(path=path):
            return replace(view, files=(*_without(view.files, path), path))
        case e.FileRemoved(path=path):
            return replace(view, files=_without(view.files, path))
        case e.TodoUpdated(items=items):
            return replace(view, todo=items)
        case e.ContextCompactionRequested():
            return view  # what comes of it is told
        case e.ContextCompacted():
            done = Compaction(
                event.reason,
                event.method,
                event.pieces,
                event.tokens_before,
                event.tokens_after,
                event.summary,
            )
            return replace(view, compactions=(*view.compactions, done))
        case _:
            assert_never(event)


def of_servers(view: SessionView, event: McpEvent) -> SessionView:
    """Return the view after an event about an MCP server."""
    match event:
        case e.McpAdded(server=config):
            there = config.url or " ".join(config.command)
            return _with_server(view, ServerView(config.name, there))
        case e.McpRemoved(server_name=name):
            return replace(view, servers=tuple(s for s in view.servers if s.name != name))
        case e.McpDelayed(server_name=name):
            return _changed_server(view, name, state="starting")
        case e.McpConnected(server_name=name, tools=tools):
            return _changed_server(view, name, state="ready", tools=tools, problem="")
        case e.McpFailed(server_name=name, error=error):
            return _changed_server(view, name, state="failed", tools=(), problem=error.message)
        case _:
            assert_never(event)


def with_servers_stopped(view: SessionView) -> SessionView:
    """Return the view with no server running: they end with their worker."""
    if not view.servers:
        return view
    servers = (s if s.state == "new" else replace(s, state="stopped") for s in view.servers)
    return replace(view, servers=tuple(servers))


def _with_server(view: SessionView, server: ServerView) -> SessionView:
    others = tuple(each for each in view.servers if each.name != server.name)
    return replace(view, servers=(*others, server))


def _changed_server(view: SessionView, name: str, **changes: Any) -> SessionView:
    if not any(each.name == name for each in view.servers):  # added before what was looked at
        view = _with_server(view, ServerView(name, ""))
    servers = (replace(s, **changes) if s.name == name else s for s in view.servers)
    return replace(view, servers=tuple(servers))


def _without(files: tuple[str, ...], path: str) -> tuple[str, ...]:
    return tuple(file for file in files if file != path)
