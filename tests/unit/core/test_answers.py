"""Questions and answers in the fold: the first one wins, always makes a rule, rules go again."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from jidoka.contract import commands as c
from jidoka.contract import errors
from jidoka.contract import events as e
from jidoka.contract.content import ToolCall
from jidoka.contract.permission_commands import AnswerPermission, AnswerQuestion, RevokePermission
from jidoka.core.decide import decide
from jidoka.core.effects import AskPermission, AskPerson, AwaitAnswer, DenyTool, RunTool
from jidoka.core.rules import parse_rules
from jidoka.core.session import evolve
from jidoka.core.state import SessionState
from jidoka.core.tooling import EffectClass
from jidoka.core.turn import next_effects
from tests.support.entries import START, LogWriter

KINDS = {
    "shell": EffectClass.EFFECT,
    "write": EffectClass.IDEMPOTENT,
    "ask": EffectClass.PURE,
    "read": EffectClass.PURE,
}
LATER = START + timedelta(days=1)


class Session:
    """A session in a turn whose model has asked for calls."""

    def __init__(self, *calls: tuple[str, dict[str, object]], unattended: bool = False) -> None:
        self.log, self.state = LogWriter(), SessionState()
        for entry in self.log.create("s1"):
            self.state = evolve(self.state, entry)
        asked = tuple(
            ToolCall(call_id=f"c{number}", tool=tool, arguments=json.dumps(args))
            for number, (tool, args) in enumerate(calls, 1)
        )
        self.record(
            e.MessageAccepted(message_id="m", content="x", unattended=unattended),
            e.WorkerAssigned(host="h", epoch=1),
            e.TurnStarted(turn_id="t", message_ids=("m",)),
            e.LlmResponded(turn_id="t", call_id="t-1", step=1, model="m", tool_calls=asked),
        )

    def record(self, *events: e.Event) -> None:
        for entry in self.log.write("s1", *events):
            self.state = evolve(self.state, entry)

    def say(self, command: c.Command, command_id: str = "id") -> e.Event | None:
        event = decide(self.state, command, origin="/ann", command_id=command_id)  # pyright: ignore[reportArgumentType]
        if event is not None:
            self.record(event)
        return event

    def wants(self, *rules: str) -> tuple[object, ...]:
        return next_effects(self.state, 1, KINDS, parse_rules(rules, "settings"))


def shell(command: str) -> Session:
    session = Session(("shell", {"command": command}))
    session.record(requested("c1"))
    return session


def requested(call_id: str) -> e.PermissionRequested:
    return e.PermissionRequested(
        turn_id="t", call_id=call_id, tool="shell", args={}, risk="execute", deadline=LATER
    )


def question(call_id: str = "c1") -> e.QuestionAsked:
    return e.QuestionAsked(
        turn_id="t", call_id=call_id, question="Which?", options=("a", "b"), deadline=LATER
    )


def allow(**fields: object) -> AnswerPermission:
    values = {"session_id": "s1", "call_id": "c1", "decision": "allow", **fields}
    return AnswerPermission.model_validate(values)


def test_a_rule_asks_denies_and_allows_and_says_so_itself():
    session = Session(("shell", {"command": "git status"}))

    assert session.wants() == (AskPermission("c1"),)
    assert session.wants("allow shell git status") == (RunTool("c1"),)
    assert session.wants("deny shell git") == (
        DenyTool("c1", "rule", "deny shell git (settings:1)"),
    )


def test_rules_of_the_session_hold_until_it_is_configured_anew():
    session = Session(("shell", {"command": "git status"}))

    session.record(e.SessionConfigured(permissions=("allow shell git",)))
    first = session.wants()
    session.record(e.SessionConfigured(network=True))
    second = session.wants()
    session.record(e.SessionConfigured(permissions=()))

    assert (first, second) == ((RunTool("c1"),), (RunTool("c1"),))
    assert session.wants() == (AskPermission("c1"),)


def test_a_rule_of_a_newer_build_asks_about_everything():
    session = Session(("read", {"path": "a"}))

    session.record(e.SessionConfigured(permissions=("permit read",)))

    assert isinstance(session.wants()[0], AskPermission)


def test_always_makes_a_rule_for_exactly_such_a_call():
    session = shell("git status -s | head -n 3")

    event = session.say(allow(remember=True, author="ann"))

    assert isinstance(event, e.PermissionAnswered)
    assert event.rules == ("allow shell git status -s $", "allow shell head -n 3 $")
    assert [(one.rule, one.by) for one in session.state.remembered] == [
        ("allow shell git status -s $", "ann"),
        ("allow shell head -n 3 $", "ann"),
    ]


@pytest.mark.parametrize(
    ("tool", "args", "rule"),
    [
        ("write", {"path": "./a/../b.py", "content": ""}, "allow write b.py"),
        ("fetch", {"url": "https://example.org/x"}, "allow fetch example.org"),
        ("mcp_x", {"a": 1}, "allow mcp_x"),
        ("shell", {"command": "echo 'a b'"}, "allow shell echo 'a b' $"),
    ],
)
def test_what_always_remembers_of_a_tool(tool: str, args: dict[str, object], rule: str):
    session = Session((tool, args))
    session.record(requested("c1"))

    session.say(allow(remember=True))

    assert [one.rule for one in session.state.remembered] == [rule]


@pytest.mark.parametrize("command", ["rm $X", "ls > f", "bash", "ls *.py", "case a in b) c;; esac"])
def test_a_call_that_no_rule_can_name_is_answered_for_once_only(command: str):
    session = shell(command)

    with pytest.raises(errors.InvalidMessage):
        session.say(allow(remember=True))

    assert session.say(allow()) is not None


def test_a_person_may_name_the_rule_that_is_remembered():
    session = shell("git status -s")

    session.say(allow(remember=True, rules=["allow shell git status"]))

    assert [one.rule for one in session.state.remembered] == ["allow shell git status"]


@pytest.mark.parametrize("rules", [["deny shell git"], ["allow shell a;b"]])
def test_a_rule_that_is_none_or_says_the_opposite_is_refused(rules: list[str]):
    session = shell("git status")

    with pytest.raises(errors.InvalidMessage):
        session.say(allow(remember=True, rules=rules))


def test_a_remembered_rule_holds_for_the_next_call_and_can_be_taken_back():
    session = shell("git status")
    session.say(allow(remember=True))
    done = e.ToolCompleted(turn_id="t", call_id="c1", tool="shell", output="")
    again = ToolCall(call_id="c2", tool="shell", arguments='{"command": "git  status"}')
    session.record(
        done, e.LlmResponded(turn_id="t", call_id="t-2", step=2, model="m", tool_calls=(again,))
    )

    held = session.wants()
    session.say(RevokePermission(session_id="s1", rule="allow shell git status $"), "id-2")

    assert held == (RunTool("c2"),)
    assert session.state.remembered == ()
    assert session.wants() == (AskPermission("c2"),)


def test_a_rule_that_was_not_made_cannot_be_taken_back():
    with pytest.raises(errors.CallNotFound):
        shell("ls").say(RevokePermission(session_id="s1", rule="allow shell ls $"))


def test_answers_of_older_logs_are_about_the_whole_tool():
    session = shell("ls")

    session.record(e.PermissionAnswered(call_id="c1", decision="allow", remember=True))

    assert [one.rule for one in session.state.remembered] == ["allow shell"]


def test_who_answers_second_is_told_who_was_first_and_when_also_after_the_call():
    session = shell("ls")
    session.say(allow(author="ann"))
    session.record(e.ToolCompleted(turn_id="t", call_id="c1", tool="shell", output=""))

    with pytest.raises(errors.AlreadyAnswered) as refusal:
        session.say(allow(author="bob"), "id-2")

    assert (refusal.value.by, refusal.value.answer) == ("ann", "allow")
    assert refusal.value.at is not None


def test_who_answers_after_the_deadline_is_told_the_default():
    session = shell("ls")
    session.record(e.ToolDenied(turn_id="t", call_id="c1", tool="shell", by="default"))

    with pytest.raises(errors.DeadlinePassed) as refusal:
        session.say(allow())

    assert refusal.value.default == "deny"


def test_what_the_agent_asks_waits_and_runs_with_its_answer():
    session = Session(("ask", {"question": "Which?"}), ("read", {"path": "a"}))

    first = session.wants()
    session.record(question())
    second = session.wants()
    session.say(AnswerQuestion(session_id="s1", call_id="c1", answer="b", author="ann"))

    assert first == (AskPerson("c1"),)
    assert second == (AwaitAnswer("c1", LATER, "", is_open_ended=True),)
    assert session.wants() == (RunTool("c1"),)
    call = session.state.call("c1")
    assert call
    assert call.question
    assert (call.question.answer, call.question.answered_by) == ("b", "ann")


def test_an_expired_question_runs_with_its_default_and_takes_no_answer():
    session = Session(("ask", {"question": "Which?"}))
    session.record(question(), e.QuestionExpired(turn_id="t", call_id="c1", default="a"))

    assert session.wants() == (RunTool("c1"),)
    with pytest.raises(errors.DeadlinePassed):
        session.say(AnswerQuestion(session_id="s1", call_id="c1", answer="b"))


def test_a_question_takes_only_its_own_kind_of_answer():
    asked, asking = shell("ls"), Session(("ask", {"question": "Which?"}))
    asking.record(question())

    with pytest.raises(errors.InvalidMessage, match="the answer is allow or deny"):
        asked.say(AnswerQuestion(session_id="s1", call_id="c1", answer="b"))
    with pytest.raises(errors.InvalidMessage):
        asking.say(allow())


def test_a_deny_rule_stops_even_a_question():
    session = Session(("ask", {"question": "Which?"}))

    assert session.wants("ask ask") == (AskPerson("c1"),)
    assert isinstance(session.wants("deny ask")[0], DenyTool)


@pytest.mark.parametrize("unattended", [True, False])
def test_a_turn_of_an_unattended_message_is_unattended(unattended: bool):
    session = Session(unattended=unattended)

    assert session.state.turn
    assert session.state.turn.unattended is unattended


def test_limits_that_are_not_named_stay_as_they_were():
    session = Session()

    session.say(c.ConfigureSession.model_validate({"session_id": "s1", "limits": {"max_steps": 3}}))
    session.say(
        c.ConfigureSession.model_validate({"session_id": "s1", "limits": {"turn_tokens": 9}}), "i"
    )

    assert (session.state.limits.max_steps, session.state.limits.turn_tokens) == (3, 9)
