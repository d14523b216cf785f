"""A turn's time is the agent's: while it only waits for a person, its clock stands still."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import BudgetOver, LlmConfig, PermissionMode, ToolCall
from jidoka.contract.content import Limits as TurnLimits
from jidoka.core.effects import WatchWall
from jidoka.core.ports import Entry
from jidoka.core.session import evolve
from jidoka.core.state import SessionState
from jidoka.core.tooling import EffectClass
from jidoka.core.turn import next_effects
from jidoka.core.working_time import worked_s
from tests.support.entries import START, LogWriter

KINDS = {"shell": EffectClass.EFFECT, "read": EffectClass.PURE, "ask": EffectClass.PURE}
DEADLINE = START + timedelta(days=9)
ASKED = e.PermissionRequested(
    turn_id="t", call_id="c1", tool="shell", args={}, risk="execute", deadline=DEADLINE
)
ALLOWED = e.PermissionAnswered(call_id="c1", decision="allow")
QUESTION = e.QuestionAsked(turn_id="t", call_id="c1", question="?", deadline=DEADLINE)
BUDGET = e.QuestionAsked(
    turn_id="t",
    call_id="t-budget-1",
    question="?",
    deadline=DEADLINE,
    over=BudgetOver(scope="turn", kind="tokens", used=9, limit=9),
)


class Told:
    """A session whose events come at seconds of one's choice."""

    def __init__(self, *tools: str) -> None:
        self.log, self.state = LogWriter(), SessionState()
        calls = tuple(
            ToolCall(call_id=f"c{n}", tool=tool, arguments="{}") for n, tool in enumerate(tools, 1)
        )
        born = e.SessionCreated(
            session_name="a",
            project_path="/p",
            llm=LlmConfig(),
            permission_mode=PermissionMode.ASK,
            limits=TurnLimits(turn_wall_s=60),
        )
        self.at(
            0, born, e.WorkerAssigned(host="h", epoch=1), e.TurnStarted(turn_id="t", message_ids=())
        )
        self.at(10, e.LlmResponded(turn_id="t", call_id="l", step=1, model="m", tool_calls=calls))

    def at(self, second: float, *events: e.Event) -> Told:
        for entry in self.log.write("s1", *events):
            self.state = evolve(self.state, _at(entry, START + timedelta(seconds=second)))
        return self

    def worked_by(self, second: float) -> float:
        assert self.state.turn
        return worked_s(self.state.turn, START + timedelta(seconds=second))

    @property
    def watched(self) -> list[WatchWall]:
        effects = next_effects(self.state, 1, KINDS)
        return [effect for effect in effects if isinstance(effect, WatchWall)]


def _at(entry: Entry, time: datetime) -> Entry:
    envelope = entry.envelope.model_copy(update={"time": time})
    return Entry(entry.event, envelope, entry.head)


@pytest.mark.parametrize(
    ("tools", "question", "answer"),
    [
        (("shell",), ASKED, ALLOWED),
        (("ask",), QUESTION, e.QuestionAnswered(call_id="c1", answer="yes")),
        (("ask",), QUESTION, e.QuestionExpired(turn_id="t", call_id="c1", default="")),
        ((), BUDGET, e.QuestionAnswered(call_id="t-budget-1", answer="continue")),
        (("shell",), ASKED, e.ToolDenied(turn_id="t", call_id="c1", tool="shell", by="default")),
    ],
    ids=["permission", "question", "nobody answers", "money", "denied"],
)
def test_the_time_in_which_a_person_is_waited_for_does_not_count(tools, question, answer):
    told = Told(*tools).at(20, question)
    while_waiting = told.watched, told.worked_by(3_000)

    told.at(3_620, answer)

    assert while_waiting == ([], 20)
    assert told.watched == [WatchWall("t", 60, 3_600)] or not tools
    assert told.worked_by(3_625) == 25


def test_while_another_call_runs_the_turn_works():
    started = e.ToolStarted(
        turn_id="t", call_id="c2", tool="read", args={}, args_hash="0" * 64, effect="pure"
    )
    told = Told("shell", "read").at(20, started).at(20, ASKED)

    ended = told.at(50, e.ToolCompleted(turn_id="t", call_id="c2", tool="read", output=""))

    assert ended.at(90, ALLOWED).worked_by(100) == 60


def test_several_waits_are_added_up_and_a_clock_that_goes_back_takes_none_away():
    told = Told("shell", "shell").at(20, ASKED, ASKED.model_copy(update={"call_id": "c2"}))

    told.at(120, ALLOWED).at(130, e.ToolInterrupted(turn_id="t", call_id="c1", tool="shell"))
    told.at(90, ALLOWED.model_copy(update={"call_id": "c2"}))

    assert told.state.turn
    assert told.state.turn.waited_s == 100


def test_a_worker_that_takes_over_counts_on():
    told = Told("shell").at(20, ASKED).at(40, e.WorkerAssigned(host="h2", epoch=2))

    told.at(1_020, ALLOWED)

    assert told.worked_by(1_030) == 30
