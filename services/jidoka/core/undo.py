"""What may be said of turns that are over: undo, redo, retry."""

from __future__ import annotations

from typing import assert_never

from jidoka.contract import events as e
from jidoka.contract.content import TurnOutcome
from jidoka.contract.errors import NothingToUndo, SessionBusy
from jidoka.contract.undo_commands import RedoTurn, RetryTurn, UndoTurn
from jidoka.core.state import SessionState

UndoCommand = UndoTurn | RedoTurn | RetryTurn


def decide_undo(
    state: SessionState, command: UndoCommand, origin: str
) -> e.TurnUndoRequested | e.TurnRedoRequested | e.TurnRetryRequested:
    """Return the request that `command` makes; whether files allow it the worker finds out.

    Raises:
        SessionBusy: a turn runs, messages wait for one, or another undo is under way.
        NothingToUndo: there are not so many turns.
    """
    if state.turn or state.inbox or state.undoing or state.retry:
        raise SessionBusy(
            session_id=state.session_id, turn_id=state.turn.turn_id if state.turn else None
        )
    match command:
        case UndoTurn():
            return _undo(state, command, origin)
        case RedoTurn():
            if not state.undone:
                raise NothingToUndo(session_id=state.session_id, asked="redo")
            ids = tuple(turn.turn_id for turn in state.undone[-1].turns)
            return e.TurnRedoRequested(
                origin=origin,
                turn_ids=ids,
                files="leave" if state.undone[-1].files_left else command.files,
                author=command.author or origin,
            )
        case RetryTurn():
            return _retry(state, command, origin)
        case _:
            assert_never(command)


def _undo(state: SessionState, command: UndoTurn, origin: str) -> e.TurnUndoRequested:
    available = len(state.done)
    if command.turns > available:
        raise NothingToUndo(
            session_id=state.session_id, asked="undo", wanted=command.turns, available=available
        )
    return e.TurnUndoRequested(
        origin=origin,
        turn_ids=tuple(turn.turn_id for turn in state.done[: -command.turns - 1 : -1]),
        files=command.files,
        author=command.author or origin,
    )


def _retry(
    state: SessionState, command: RetryTurn, origin: str
) -> e.TurnUndoRequested | e.TurnRetryRequested:
    last = state.done[-1] if state.done else None
    author = command.author or origin
    if last is None or not (command.regenerate or last.outcome is not TurnOutcome.COMPLETED):
        raise NothingToUndo(session_id=state.session_id, asked="retry")
    if command.regenerate:
        return e.TurnUndoRequested(
            origin=origin,
            turn_ids=(last.turn_id,),
            files=command.files,
            again=True,
            author=author,
        )
    return e.TurnRetryRequested(
        origin=origin, turn_id=last.turn_id, message_ids=last.message_ids, author=author
    )
