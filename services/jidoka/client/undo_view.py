"""What a person sees of undoing: turns that the model does not read any more are marked."""

from __future__ import annotations

from typing import assert_never

from jidoka.client.shapes import SessionView
from jidoka.contract import events as e

UndoEvent = (
    e.TurnUndoRequested
    | e.TurnRedoRequested
    | e.TurnRetryRequested
    | e.TurnUndoStarted
    | e.TurnUndone
    | e.TurnRedone
    | e.TurnUndoRefused
)


def of_undo(view: SessionView, event: UndoEvent) -> SessionView:
    """Return the view after an event of undoing."""
    match event:
        case e.TurnUndone(turn_ids=ids):
            return view.with_undone(ids, undone=True)
        case e.TurnRedone(turn_ids=ids):
            return view.with_undone(ids, undone=False)
        case e.TurnUndoRequested() | e.TurnRedoRequested() | e.TurnRetryRequested():
            return view
        case e.TurnUndoStarted() | e.TurnUndoRefused():
            return view
        case _:
            assert_never(event)
