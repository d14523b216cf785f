"""Undo, redo and retry: what may be asked, and what the log makes of it."""

from __future__ import annotations

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, SnapshotRef, TurnOutcome
from jidoka.contract.errors import NothingToUndo, SessionBusy
from jidoka.contract.undo_commands import RedoTurn, RetryTurn, UndoTurn
from jidoka.core.decide import SessionDecision, decide
from jidoka.core.effects import CheckUndo, PutFilesBack, StartTurn
from jidoka.core.session import fold
from jidoka.core.turn import next_effects
from tests.support.simulation import KINDS, SESSION, Simulation

TREE = SnapshotRef(tree="t")


class Story(Simulation):
    """A session in which turns follow on each other."""

    def turn(self, number: int, outcome: TurnOutcome = TurnOutcome.COMPLETED) -> str:
        """Record a turn that may have changed files."""
        turn_id, call_id = f"t{number}", f"c{number}"
        self.record(
            e.MessageAccepted(message_id=f"m{number}", content=f"message {number}"),
            e.TurnStarted(turn_id=turn_id, message_ids=(f"m{number}",)),
            e.ToolStarted(
                turn_id=turn_id,
                call_id=call_id,
                tool="shell",
                args={},
                args_hash="",
                effect="effect",
                snapshot=TREE,
            ),
            e.TurnEnded(turn_id=turn_id, outcome=outcome, snapshot=TREE),
        )
        return turn_id

    def ask(self, command: SessionDecision, command_id: str = "c") -> e.Event:
        """Decide a command and record it."""
        event = decide(self.state, command, origin="/me", command_id=command_id)
        assert event
        self.record(event)
        return event

    def done(self) -> list[str]:
        """Return the turns that can be undone."""
        return [turn.turn_id for turn in self.state.done]


@pytest.fixture
def story() -> Story:
    story = Story(())
    story.state = fold(story.log.create(SESSION))
    story.assign()
    for number in (1, 2, 3):
        story.turn(number)
    return story


def test_the_last_turns_are_undone_and_come_back_together(story: Story):
    asked = story.ask(UndoTurn(session_id=SESSION, turns=2))
    story.run()
    after_undo = story.done()

    back = story.ask(RedoTurn(session_id=SESSION), "c2")
    story.run()

    assert isinstance(asked, e.TurnUndoRequested)
    assert asked.turn_ids == ("t3", "t2")
    assert after_undo == ["t1"]
    assert isinstance(back, e.TurnRedoRequested)
    assert back.turn_ids == ("t2", "t3")
    assert story.done() == ["t1", "t2", "t3"]
    assert story.state.undone == ()


def test_several_undos_come_back_one_after_the_other(story: Story):
    for number in range(2):
        story.ask(UndoTurn(session_id=SESSION), f"u{number}")
        story.run()

    story.ask(RedoTurn(session_id=SESSION))
    story.run()

    assert story.done() == ["t1", "t2"]
    assert [turn.turn_id for turn in story.state.undone[-1].turns] == ["t3"]


def test_a_new_message_ends_the_chance_of_a_redo(story: Story):
    story.ask(UndoTurn(session_id=SESSION))
    story.run()
    story.turn(4)

    with pytest.raises(NothingToUndo) as refused:
        story.ask(RedoTurn(session_id=SESSION), "c2")

    assert refused.value.asked == "redo"


def test_more_turns_than_there_are_cannot_be_undone(story: Story):
    with pytest.raises(NothingToUndo) as refused:
        story.ask(UndoTurn(session_id=SESSION, turns=4))

    assert (refused.value.wanted, refused.value.available) == (4, 3)


@pytest.mark.parametrize(
    "event",
    [
        e.MessageAccepted(message_id="m9", content="wait"),
        e.TurnStarted(turn_id="t9", message_ids=()),
        e.TurnUndoRequested(turn_ids=("t3",)),
    ],
    ids=lambda event: event.name,
)
@pytest.mark.parametrize("kind", [UndoTurn, RedoTurn, RetryTurn])
def test_while_something_is_under_way_nothing_is_undone(story: Story, event, kind):
    story.record(event)

    with pytest.raises(SessionBusy):
        story.ask(kind(session_id=SESSION))


def test_the_intent_is_stored_first_and_a_new_worker_goes_on_with_it(story: Story):
    story.ask(UndoTurn(session_id=SESSION))
    (first,) = next_effects(story.state, story.epoch, KINDS)
    story.run_one()
    story.assign()

    (second,) = next_effects(story.state, story.epoch, KINDS)

    assert isinstance(first, CheckUndo)
    assert second == PutFilesBack(first.request)


def test_a_refusal_changes_nothing(story: Story):
    story.ask(UndoTurn(session_id=SESSION))
    error = ErrorInfo(code="file_changed", message="a person")

    story.record(e.TurnUndoRefused(asked="undo", turn_ids=("t3",), error=error))

    assert story.done() == ["t1", "t2", "t3"]
    assert story.state.undoing is None
    assert CheckUndo not in {type(x) for x in next_effects(story.state, story.epoch, KINDS)}


def test_a_turn_that_failed_and_the_one_that_goes_on_with_it_are_one(story: Story):
    failed = story.turn(4, TurnOutcome.FAILED)
    asked = story.ask(RetryTurn(session_id=SESSION))
    (effect,) = next_effects(story.state, story.epoch, KINDS)
    story.record(
        e.TurnStarted(turn_id="t5", message_ids=("m4",), retry_of=failed),
        e.TurnEnded(turn_id="t5", outcome=TurnOutcome.COMPLETED),
    )

    assert isinstance(asked, e.TurnRetryRequested)
    assert asked.message_ids == ("m4",)
    assert effect == StartTurn(failed)
    assert story.done() == ["t1", "t2", "t3", "t5"]
    assert len(story.state.done[-1].spans) == 1


def test_a_turn_that_completed_is_only_answered_anew(story: Story):
    with pytest.raises(NothingToUndo):
        story.ask(RetryTurn(session_id=SESSION))

    story.ask(RetryTurn(session_id=SESSION, regenerate=True))
    story.record(e.TurnUndone(turn_ids=("t3",), again=True))

    assert story.state.retry
    assert story.state.retry.message_ids == ("m3",)
    assert story.state.undone == ()
    assert next_effects(story.state, story.epoch, KINDS) == (StartTurn("t3"),)
