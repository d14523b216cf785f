"""What a person sees of undoing: turns that the model does not read any more are marked."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from jidoka.client.shapes import SessionView
from jidoka.contract import events as e
from jidoka.contract.event_groups import UndoEvent


def of_undo(view: SessionView, event: UndoEvent) -> SessionView:
    """Return the view after an event of undoing."""
    match event:
        case e.TurnUndone(turn_ids=ids):
            return _told(view.with_undone(ids, undone=True), summary_of(event))
        case e.TurnRedone(turn_ids=ids):
            return _told(view.with_undone(ids, undone=False), summary_of(event))
        case e.TurnUndoRequested() | e.TurnRedoRequested() | e.TurnRetryRequested():
            return view
        case e.TurnUndoRefused(asked=asked, error=error, changed=changed):
            why = f"changed since: {', '.join(changed)}" if changed else error.message
            return _told(view, f"no {asked}: {why}")
        case e.TurnUndoStarted():
            return view
        case _:
            assert_never(event)


def summary_of(end: e.TurnUndone | e.TurnRedone) -> str:
    """Return in a few words what an undo or redo did."""
    turns, files = len(end.turn_ids), end.files
    verb = "undone" if isinstance(end, e.TurnUndone) else "redone"
    done = f"{turns} turn{'s' * (turns != 1)} {verb}"
    if end.files_left:
        return f"{done}, files as they are"
    done = f"{done}, {files} file{'s' * (files != 1)} put back"
    return f"{done}, {len(end.failed)} not" if end.failed else done


def _told(view: SessionView, notice: str) -> SessionView:
    return replace(view, notices=(*view.notices, notice))
