"""What the events about the context change of the state."""

from __future__ import annotations

from typing import assert_never

from jidoka.contract import events as e
from jidoka.contract.content import Usage
from jidoka.contract.event_groups import ContextEvent
from jidoka.core.attention import with_file, without_file
from jidoka.core.changing import changed
from jidoka.core.state import SessionState


def after_context_event(state: SessionState, event: ContextEvent, sequence: int) -> SessionState:
    """Return the state after an event about the context."""
    seen = state.attention
    match event:
        case e.FileAdded(path=path):
            seen = with_file(seen, path, state.limits.active_files)
            return changed(state, attention=seen)
        case e.FileRemoved(path=path):
            return changed(state, attention=without_file(seen, path))
        case e.ContextCompactionRequested(instructions=said):
            asked = changed(seen, compaction=sequence, instructions=said)
            return changed(state, attention=asked)
        case e.ContextCompacted():
            seen = changed(seen, compaction=None, instructions="")
            return _paid(changed(state, attention=seen), event)
        case e.TodoUpdated():
            return state
        case _:
            assert_never(event)


def _paid(state: SessionState, event: e.ContextCompacted) -> SessionState:
    """Return the state with what a summary took counted, in the turn or beside all turns."""
    turn = state.turn
    if turn is not None and turn.turn_id == event.turn_id:
        usage, cost = _sum(turn.usage, event.usage), _cost(turn.cost_usd, event.cost_usd)
        return changed(state, turn=changed(turn, usage=usage, cost_usd=cost))
    totals = state.totals
    usage, cost = _sum(totals.usage, event.usage), _cost(totals.cost_usd, event.cost_usd)
    return changed(state, totals=changed(totals, usage=usage, cost_usd=cost))


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    return one + other if one and other else one or other


def _cost(one: float | None, other: float | None) -> float | None:
    return one if other is None else (one or 0.0) + other
