"""A model that repeats itself: told so, then stopped; who waits or goes on differently is not."""

from __future__ import annotations

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import (
    ErrorInfo,
    Policy,
    ToolCall,
    TurnOutcome,
)
from jidoka.core.effects import CallModel, EndTurn, RefuseRepeat, RunTool
from jidoka.core.repeats import error_of
from jidoka.core.session import fold
from jidoka.core.state import SessionState
from jidoka.core.tooling import EffectClass
from jidoka.core.turn import next_effects, outcome_of
from tests.support.entries import FREE_AT_WORK, LogWriter

KINDS = {"read": EffectClass.PURE, "shell": EffectClass.EFFECT, "shell_read": EffectClass.PURE}
BORN = (
    *FREE_AT_WORK,
    e.MessageAccepted(message_id="m", content="hi"),
    e.TurnStarted(turn_id="t", message_ids=("m",)),
)
REPEATED = ErrorInfo(code="call_repeated", message="again")


class Talk:
    """A turn that is written call by call."""

    def __init__(self) -> None:
        self.events: list[e.Event] = [*BORN]
        self.step = 0

    def asks(self, tool: str = "read", args: str = '{"path": "a"}', count: int = 1) -> Talk:
        """Let the model ask for a tool, `count` times in one answer."""
        self.step += 1
        self.events.append(
            e.LlmResponded(
                turn_id="t",
                call_id=f"l{self.step}",
                step=self.step,
                content="",
                tool_calls=tuple(
                    ToolCall(call_id=f"c{self.step}-{n}", tool=tool, arguments=args)
                    for n in range(count)
                ),
                model="m",
            )
        )
        return self

    def gets(self, output: str = "same", n: int = 0) -> Talk:
        """Let the last call answer."""
        call_id = f"c{self.step}-{n}"
        self.events.append(e.ToolCompleted(turn_id="t", call_id=call_id, tool="", output=output))
        return self

    def refused(self, n: int = 0) -> Talk:
        """Let the last call be refused as the same once more."""
        call_id = f"c{self.step}-{n}"
        self.events.append(e.ToolFailed(turn_id="t", call_id=call_id, tool="", error=REPEATED))
        return self

    @property
    def state(self) -> SessionState:
        return fold(LogWriter().write("s1", *self.events))

    @property
    def next(self) -> tuple[object, ...]:
        return next_effects(self.state, 1, KINDS)


def twice(args: str = '{"path": "a"}') -> Talk:
    return Talk().asks(args=args).gets().asks(args=args).gets()


def test_the_third_time_a_call_is_not_run_and_the_model_is_told():
    talk = twice().asks()

    state = talk.state

    assert talk.next == (RefuseRepeat("c3-0"),)
    assert state.turn
    assert error_of(state.turn, "read").details() == {"tool": "read", "times": 3}


def test_the_same_arguments_written_otherwise_are_the_same_call():
    talk = twice(args='{"path": "a", "limit": 1}').asks(args='{"limit":1,"path":"a"}')

    assert talk.next == (RefuseRepeat("c3-0"),)


@pytest.mark.parametrize(
    "talk",
    [
        Talk().asks().gets("one").asks().gets("two").asks(),
        twice().asks(args='{"path": "b"}'),
        twice().asks("shell"),
        twice().asks(args='{"path": "b"}').gets().asks(),
        Talk().asks("shell_read").gets().asks("shell_read").gets().asks("shell_read"),
        Talk().asks().gets("45 %").asks().gets("46 %").asks(),
    ],
    ids=["other result", "other path", "other tool", "one between", "a poll", "progress"],
)
def test_what_is_not_the_same_runs(talk: Talk):
    (effect,) = talk.next

    assert isinstance(effect, RunTool)


def test_how_long_it_took_makes_no_other_result():
    talk = Talk().asks("shell").gets("1 failed in 0.12s").asks("shell").gets("1 failed in 0.31s")

    assert talk.asks("shell").next == (RefuseRepeat("c3-0"),)


def test_only_the_end_of_a_long_result_says_how_long_it_took():
    lines = "".join(f"test {n}: passed\n" for n in range(99))
    first, second = (f"{lines}99 passed in {time}\n" for time in ("9.98s", "10.02s"))
    talk = Talk().asks("shell").gets(first).asks("shell").gets(second)

    assert talk.asks("shell").next == (RefuseRepeat("c3-0"),)


def test_after_the_fourth_answer_that_was_told_so_the_turn_ends_with_that_reason():
    talk = twice()
    for _ in range(3):
        talk.asks().refused()
    going_on = talk.next

    state = talk.asks().refused().state

    assert isinstance(going_on[0], CallModel)
    assert talk.next == (EndTurn("t"),)
    assert state.turn
    assert outcome_of(state, state.turn) is TurnOutcome.FAILED
    assert state.turn.error == REPEATED


def test_many_same_calls_in_one_answer_are_told_of_once():
    talk = twice().asks(count=5)
    for n in range(5):
        talk.refused(n)

    assert isinstance(talk.next[0], CallModel)


def test_a_word_of_a_person_begins_the_count_anew():
    talk = twice()
    said = e.MessageAccepted(message_id="s", content="once more", policy=Policy.STEER)
    asked = e.LlmRequested(
        turn_id="t", call_id="l", step=3, attempt=1, model="m", message_ids=("s",)
    )
    talk.events += [said, asked]

    assert talk.asks().next == (RunTool("c3-0"),)
