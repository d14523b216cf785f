"""Undoing, as the log tells of it: the fold of its requests, beginnings and ends.

    turn.ended ─► done ── turn.undo_requested ─► undoing ── turn.undone ─► undone ─┐
                   ▲                                │ turn.undo_refused            │
                   └────────────────────────────────┴───── turn.redone ◄───────────┘

A request is an intent until its end is recorded: whoever finds one goes on with it. A new message
ends the chance of a redo. Only the last hundred turns are remembered.
"""

from __future__ import annotations

from typing import assert_never

from jidoka.contract import events as e
from jidoka.contract.content import SnapshotRef
from jidoka.contract.event_groups import UndoEvent
from jidoka.contract.undo_commands import MOST_TURNS
from jidoka.core.changing import changed
from jidoka.core.past_turns import PastTurn, Retry, Span, Undoing, Undone
from jidoka.core.state import SessionState


def remembered(state: SessionState, event: e.TurnEnded, number: int) -> tuple[PastTurn, ...]:
    """Return the turns that may be undone once the running one has ended."""
    turn = state.turn
    if turn is None:
        return state.done
    former = next((past for past in state.done if past.turn_id == turn.retry_of), None)
    spans = former.spans if former else ()
    if turn.before is not None:
        after = event.snapshot or SnapshotRef(why="the turn has none at its end")
        spans = (*spans, Span(turn.before, after))
    past = PastTurn(event.turn_id, number, turn.message_ids, event.outcome, spans)
    return (*(each for each in state.done if each is not former), past)[-MOST_TURNS:]


def after_undo_event(state: SessionState, event: UndoEvent, sequence: int) -> SessionState:
    """Return the state after a request, a beginning or an end of undoing."""
    match event:
        case e.TurnUndoRequested(turn_ids=ids, files=files, again=again):
            turns = tuple(turn for turn in state.done if turn.turn_id in ids)
            return changed(state, undoing=Undoing("undo", sequence, turns, files, again))
        case e.TurnRedoRequested(files=files):
            last = state.undone[-1] if state.undone else Undone(())
            undoing = Undoing("redo", sequence, last.turns, files, of=last)
            return changed(state, undoing=undoing)
        case e.TurnRetryRequested(turn_id=turn_id, message_ids=ids):
            return changed(state, retry=Retry(turn_id, ids), undone=())
        case e.TurnUndoStarted(kept=kept):
            if state.undoing is None:
                return state
            return changed(state, undoing=changed(state.undoing, started=True, kept=kept))
        case e.TurnUndone():
            return _undone(state, event)
        case e.TurnRedone(turn_ids=ids):
            back = tuple(turn for each in state.undone[-1:] for turn in each.turns)
            done = (*state.done, *(turn for turn in back if turn.turn_id in ids))
            return changed(state, done=done[-MOST_TURNS:], undone=state.undone[:-1], undoing=None)
        case e.TurnUndoRefused():
            return changed(state, undoing=None)
        case _:
            assert_never(event)


def _undone(state: SessionState, event: e.TurnUndone) -> SessionState:
    gone = tuple(turn for turn in state.done if turn.turn_id in event.turn_ids)
    left = tuple(turn for turn in state.done if turn.turn_id not in event.turn_ids)
    state = changed(state, done=left, undoing=None)
    if not event.again:
        undone = Undone(gone, event.kept, files_left=event.files_left)
        return changed(state, undone=(*state.undone, undone))
    ids = tuple(message_id for turn in gone for message_id in turn.message_ids)
    retry = Retry(gone[-1].turn_id, ids) if gone else None
    return changed(state, undone=(), retry=retry)
