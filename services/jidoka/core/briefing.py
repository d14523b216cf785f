"""What the model is told beside the conversation, and what is known of its window.

It grows by events, as the conversation does: texts that were read are in `llm.requested`, so that
what the model was sent follows from the log alone, whatever became of the files since.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from jidoka.contract import events as e
from jidoka.contract.briefing import ContextSource, TodoItem

ASSUMED_WINDOW = 128_000
"""Tokens, while no provider has said how many it reads."""
_LEAST_FACTOR, _MOST_FACTOR = 0.5, 3.0
_MEASURABLE = 500
"""Of fewer tokens, what a provider counted says nothing about the rule."""


@dataclass(slots=True)
class Briefing:
    """Sources, the list of what is to be done, and what providers said of sizes."""

    sources: dict[str, ContextSource] = field(default_factory=dict[str, ContextSource])
    """By kind and path, in the order in which they were first read."""
    todo: tuple[TodoItem, ...] = ()
    factor: float = 1.0
    """Tokens that the provider counted of the last call, for one by our rule."""
    window: int | None = None
    """Tokens that the model reads at most; None: not known."""
    indexed_at: datetime | None = None
    """When the file index was taken; None: it is to be taken anew."""
    compactions: int = 0
    servers: dict[str, tuple[dict[str, Any], ...]] = field(
        default_factory=dict[str, tuple[dict[str, Any], ...]]
    )
    """What the model is told of the tools of MCP servers, by server, as last recorded."""

    def add(self, event: e.Event, time: datetime | None) -> None:
        """Take in what an event says."""
        match event:
            case e.LlmRequested(sources=sources) if sources:
                self._read(sources, time)
            case e.LlmResponded():
                self._measured(event)
            case e.LlmFailed(error=error) if error.code == "context_overflow":
                self.window = int(error.details.get("window") or 0) or self.window
            case e.TodoUpdated(items=items):
                self.todo = items
            case e.SessionConfigured(llm=llm, limits=limits):
                if llm or limits:  # what did not fit may have been a limit's room, not the model's
                    self.window = None
                self.factor = 1.0 if llm else self.factor
            case e.ConversationCleared():
                self.todo, self.indexed_at = (), None
            case e.ContextCompacted(method=method):
                self.compactions += method != "none"
                self.indexed_at = None
            case e.McpConnected(server_name=name, specs=specs) if specs is not None:
                self.servers[name] = specs
            case e.McpAdded(server=server):
                self.servers.pop(server.name, None)
            case e.McpRemoved(server_name=name):
                self.servers.pop(name, None)
            case _:
                pass

    def of_kind(self, kind: str) -> list[ContextSource]:
        """Return the sources of a kind."""
        return [source for source in self.sources.values() if source.kind == kind]

    def with_sources(self, sources: tuple[ContextSource, ...]) -> Briefing:
        """Return what it will be when these are recorded; it stays as it is."""
        other = replace(self, sources=dict(self.sources))
        other._read(sources, None)
        return other

    def _read(self, sources: tuple[ContextSource, ...], time: datetime | None) -> None:
        for source in sources:
            key = key_of(source.kind, source.path)
            if source.sha256 is None and not source.problem:
                self.sources.pop(key, None)
            else:
                self.sources[key] = source
            if source.kind == "index":
                self.indexed_at = time

    def _measured(self, event: e.LlmResponded) -> None:
        self.window = event.window or self.window
        counted, ruled = event.usage, event.context_tokens
        if counted is not None and ruled is not None and ruled >= _MEASURABLE:
            factor = counted.input_tokens / ruled
            self.factor = round(min(max(factor, _LEAST_FACTOR), _MOST_FACTOR), 3)


def key_of(kind: str, path: str) -> str:
    """Return by what a source is known."""
    return f"{kind}:{path}"
