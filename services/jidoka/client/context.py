"""What a person sees of the context: active files, what is to be done, what was compacted."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from jidoka.client.shapes import Compaction, SessionView
from jidoka.contract import events as e

ContextEvent = (
    e.FileAdded | e.FileRemoved | e.ContextCompactionRequested | e.ContextCompacted | e.TodoUpdated
)


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


def _without(files: tuple[str, ...], path: str) -> tuple[str, ...]:
    return tuple(file for file in files if file != path)
