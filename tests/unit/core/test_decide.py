"""What may be said to a session, in each of its states."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jidoka.contract import commands as c
from jidoka.contract import errors
from jidoka.contract import events as e
from jidoka.contract.content import Policy, Status, ToolCall
from jidoka.contract.ids import command_key
from jidoka.contract.permission_commands import AnswerPermission
from jidoka.core.decide import MAX_WAITING, decide
from jidoka.core.recorded import Recorded
from jidoka.core.state import Answered, OpenCall, Question, SessionState, Turn, Waiting
from tests.support.entries import START

IDLE = SessionState(session_id="s1", status=Status.IDLE)
BUSY = replace(IDLE, status=Status.ACTIVE, turn=Turn("t1", ("m1",)))
ASKING = replace(
    BUSY,
    turn=Turn(
        "t1",
        ("m1",),
        calls=(
            OpenCall(
                ToolCall(call_id="c1", tool="shell", arguments="{}"),
                question=Question(START + timedelta(days=1), "deny"),
            ),
        ),
    ),
)
ENDED = replace(IDLE, status=Status.TERMINATED, end_reason="crash_limit")
CLOSED = replace(IDLE, status=Status.CLOSED)
SUBMIT = c.SubmitMessage(session_id="s1", content="hello")


def said(state: SessionState, command, command_id: str = "id-1"):
    return decide(state, command, origin="/test", command_id=command_id)


def test_a_message_is_accepted_under_the_id_of_its_command():
    event = said(IDLE, SUBMIT)

    assert event == e.MessageAccepted(
        origin="/test", message_id="id-1", content="hello", author="/test"
    )


def test_the_same_command_twice_is_recorded_once():
    known = replace(IDLE, recorded=Recorded().add(command_key("/test", "id-1"), 7))

    event = said(known, SUBMIT)

    assert event is None


def test_the_same_id_of_another_sender_is_another_command():
    known = replace(IDLE, recorded=Recorded().add(command_key("/other", "id-1"), 7))

    event = said(known, SUBMIT)

    assert isinstance(event, e.MessageAccepted)


@pytest.mark.parametrize("policy", [Policy.QUEUE, Policy.STEER, Policy.INTERRUPT])
def test_a_busy_session_takes_every_message_but_a_rejecting_one(policy):
    event = said(BUSY, SUBMIT.model_copy(update={"policy": policy}))

    assert isinstance(event, e.MessageAccepted)
    assert event.policy is policy


COMMANDS = {
    "message.submit": SUBMIT,
    "turn.cancel": c.CancelTurn(session_id="s1"),
    "permission.answer": AnswerPermission(session_id="s1", call_id="c9", decision="allow"),
    "message.withdraw": c.WithdrawMessage(session_id="s1", message_id="m9"),
    "message.edit": c.EditMessage(session_id="s1", message_id="m9", content="x"),
    "conversation.clear": c.ClearConversation(session_id="s1"),
    "session.rename": c.RenameSession(session_id="s1", name="new"),
    "session.configure": c.ConfigureSession(session_id="s1"),
    "session.close": c.CloseSession(session_id="s1"),
    "session.terminate": c.TerminateSession(session_id="s1"),
}
REJECTING = SUBMIT.model_copy(update={"policy": Policy.REJECT})
REFUSED = [
    (SessionState(), SUBMIT, errors.SessionNotFound),
    (BUSY, REJECTING, errors.SessionBusy),
    (IDLE, COMMANDS["turn.cancel"], errors.NoTurn),
    (BUSY, COMMANDS["permission.answer"], errors.CallNotFound),
    (IDLE, COMMANDS["message.withdraw"], errors.CallNotFound),
    (IDLE, COMMANDS["message.edit"], errors.CallNotFound),
    (CLOSED, SUBMIT, errors.InvalidTransition),
    (CLOSED, COMMANDS["turn.cancel"], errors.InvalidTransition),
    (CLOSED, COMMANDS["conversation.clear"], errors.InvalidTransition),
    (replace(BUSY, closing="close"), SUBMIT, errors.InvalidTransition),
    (replace(BUSY, closing="terminate"), SUBMIT, errors.SessionTerminated),
    *(
        (ENDED, command, errors.SessionTerminated)
        for name, command in COMMANDS.items()
        if name != "session.terminate"
    ),
]


@pytest.mark.parametrize(("state", "command", "refusal"), REFUSED)
def test_what_is_not_possible_is_refused_with_its_reason(state, command, refusal):
    with pytest.raises(refusal):
        said(state, command)


def test_a_full_inbox_refuses_with_both_numbers():
    waiting = tuple(Waiting(f"m{n}", Policy.QUEUE, n) for n in range(MAX_WAITING))

    with pytest.raises(errors.InboxFull) as refusal:
        said(replace(BUSY, inbox=waiting), SUBMIT)

    assert refusal.value.details() == {"waiting": 64, "maximum": 64}


def test_the_first_answer_to_a_question_wins():
    answer = AnswerPermission(session_id="s1", call_id="c1", decision="allow", author="ann")
    event = said(ASKING, answer)
    assert isinstance(event, e.PermissionAnswered)
    state = replace(ASKING, answers=(Answered("c1", "allow", "ann", START),))

    with pytest.raises(errors.AlreadyAnswered) as refusal:
        said(state, answer, "id-2")

    assert refusal.value.details() == {
        "by": "ann",
        "answer": "allow",
        "at": "2026-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize("state", [ENDED, replace(BUSY, closing="terminate")])
def test_terminating_twice_answers_the_same(state):
    event = said(state, COMMANDS["session.terminate"])

    assert event is None


@pytest.mark.parametrize("state", [CLOSED, replace(BUSY, closing="close")])
def test_closing_twice_answers_the_same(state):
    event = said(state, COMMANDS["session.close"])

    assert event is None
