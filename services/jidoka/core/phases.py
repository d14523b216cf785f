"""What the registry calls the time between two turns in which a worker has something to do."""

from __future__ import annotations

from typing import Any, Final

from jidoka.contract import events as e

AWAITED: Final = frozenset({"undoing", "retrying", "compacting"})
"""Phases without a turn in which a worker has something to do."""


def phase_between_turns(event: Any) -> str | None:
    """Return the phase that begins with `event`, None where it changes none."""
    match event:
        case e.TurnUndoRequested() | e.TurnRedoRequested():
            return "undoing"
        case e.TurnRetryRequested() | e.TurnUndone(again=True):
            return "retrying"
        case e.TurnUndone() | e.TurnRedone() | e.TurnUndoRefused():
            return "ready"
        case _:
            return None
