"""What a person sees of undoing."""

from __future__ import annotations

from jidoka.client.items import Recorded
from jidoka.client.shapes import SessionView
from jidoka.client.view import see
from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, TurnOutcome
from tests.support.entries import LogWriter


def seen(*events: e.Event) -> SessionView:
    view = SessionView()
    for entry in LogWriter().write("s1", *events):
        view = see(view, Recorded("s1", entry.sequence, entry.event, entry.envelope))
    return view


TURN = (
    e.TurnStarted(turn_id="t", message_ids=()),
    e.TurnEnded(turn_id="t", outcome=TurnOutcome.COMPLETED),
)


def test_an_undone_turn_is_marked_until_it_is_back():
    undone = e.TurnUndone(turn_ids=("t",), files=1)

    then = seen(*TURN, undone)
    now = seen(*TURN, undone, e.TurnRedone(turn_ids=("t",), files=2))

    assert [turn.undone for turn in then.turns] == [True]
    assert [turn.undone for turn in now.turns] == [False]
    assert now.notices == ("1 turn undone, 1 file put back", "1 turn redone, 2 files put back")


def test_a_refusal_is_told_and_marks_nothing():
    error = ErrorInfo(code="file_changed", message="it changed")

    view = seen(*TURN, e.TurnUndoRefused(asked="undo", turn_ids=("t",), error=error))

    assert view.notices == ("no undo: it changed",)
    assert not view.turns[0].undone


def test_an_undo_of_the_conversation_says_that_files_stay():
    view = seen(*TURN, e.TurnUndone(turn_ids=("t",), files_left=True))

    assert view.notices == ("1 turn undone, files as they are",)
