"""A view as text: what is new is printed once, in order, whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jidoka.cli.transcript import Transcript, at_work, closing, key_argument, outcome
from jidoka.client.shapes import Answer, Call, Message, Question, ServerView, SessionView, TurnView
from jidoka.contract.content import ErrorInfo, Status, TurnOutcome, Usage

SAYING = Answer("c1", text="Let me ")
SAID = Answer("c1", text="Let me look.", final=True)
RUNNING = Call("x1", "shell", {"command": "pytest -q"}, phase="running")
DONE = replace(RUNNING, phase="completed", exit_status=1, duration_s=0.84)


def view(*entries: Answer | Call, **changes: object) -> SessionView:
    turn = TurnView("t1", (Message("m1", "do it"),), entries)
    return SessionView(session_id="s1", turns=(replace(turn, **changes),))


def printed(*views: SessionView, show_messages: bool = False) -> str:
    paper = Transcript(show_messages=show_messages)
    return "".join(paper.news(each) for each in views)


def test_text_grows_as_it_comes_and_is_printed_once():
    assert printed(view(SAYING), view(SAYING), view(SAID), view(SAID)) == "Let me look."


def test_a_call_that_runs_is_told_with_the_last_line_that_it_printed():
    silent, loud = RUNNING, replace(RUNNING, output="one\n\x1b[32mtwo\x1b[0m of 9\n\n")

    assert at_work(silent) == "shell pytest -q"
    assert at_work(loud) == "shell pytest -q · two of 9"


def test_a_call_is_one_line_when_it_has_ended():
    text = printed(view(SAID, RUNNING), view(SAID, DONE), view(SAID, DONE))

    assert text == "Let me look.\n✗ shell pytest -q - exit status 1 (840 ms)\n"


def test_nothing_is_told_twice():
    paper = Transcript()
    paper.news(view(SAID, DONE))

    assert paper.news(view(SAID, DONE)) == ""


def test_another_attempt_is_printed_whole_on_a_new_line():
    again = replace(SAYING, attempt=2, text="I shall look.")

    assert printed(view(SAYING), view(again)) == "Let me \nI shall look."


def test_the_end_of_a_turn_has_outcome_steps_tokens_cost_and_session():
    usage = Usage(input_tokens=1200, output_tokens=34)
    ended = view(
        SAID,
        outcome=TurnOutcome.COMPLETED,
        steps=1,
        usage=usage,
        cost_usd=0.0012,
        duration_s=61.4,
    )

    line = printed(ended, ended).splitlines()[-1]

    assert line == "completed · 1 step · 1,200 + 34 tokens · $0.0012 · 1 min 1 s · s1"


def test_what_nobody_knows_is_said_to_be_unknown():
    ended = view(outcome=TurnOutcome.FAILED, steps=2)

    line = closing(ended, ended.turns[0])

    assert line == "failed · 2 steps · tokens unknown · cost unknown · s1"


def test_the_error_of_a_turn_is_printed_before_its_end():
    error = ErrorInfo(code="provider_auth", message="The provider refused the key.")

    lines = printed(view(outcome=TurnOutcome.FAILED, error=error)).splitlines()

    assert lines[0] == "✗ The provider refused the key."


def test_a_question_is_printed_with_the_command_that_answers_it():
    question = Question(
        "x1", "shell", {"command": "rm a"}, "execute", "", datetime(2030, 1, 1, tzinfo=UTC)
    )
    asked = replace(view(SAID, RUNNING), questions=(question,))

    text = printed(asked, asked)

    assert text.count("? May it run shell rm a? jidoka answer s1 x1 allow") == 1


def test_of_a_question_that_nobody_could_answer_only_the_way_to_allow_it_is_told():
    question = Question(
        "x1", "shell", {}, "execute", "", datetime(2030, 1, 1, tzinfo=UTC), is_moot=True
    )
    denied = Call("x1", "shell", {"command": "rm a"}, phase="denied", denied_by="default")
    asked = replace(view(SAID, RUNNING), questions=(question,))

    text = printed(asked, view(SAID, denied, outcome=TurnOutcome.COMPLETED))

    assert "jidoka answer" not in text
    assert text.splitlines()[1] == "⊘ shell rm a - denied: nobody answered"
    assert "--rule 'allow shell …'" in text.splitlines()[2]


def test_a_server_that_failed_is_told_once():
    server = ServerView("tickets", "x", "failed", problem="The MCP server 'tickets' is gone.")
    failed = replace(view(SAID), servers=(server,))

    text = printed(failed, failed)

    assert text.count("- The MCP server 'tickets' is gone.") == 1


def test_messages_and_the_end_of_the_session_are_printed_to_who_follows():
    closed = replace(view(SAID), status=Status.CLOSED)

    assert printed(closed, show_messages=True).splitlines() == [
        "> do it",
        "Let me look.",
        "- the session is closed",
    ]


def test_who_follows_is_told_that_a_session_is_back_and_that_one_was_deleted():
    closed = replace(view(SAID), status=Status.CLOSED)
    back = replace(closed, status=Status.INITIALIZING)
    deleted = replace(closed, status=Status.TERMINATED, status_reason="deleted")

    text = printed(closed, back, replace(back, status=Status.ACTIVE), deleted, show_messages=True)

    assert text.splitlines()[-3:] == [
        "- the session is closed",
        "- the session is open again",
        "- the session is deleted",
    ]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (Call("x", "read", {"path": "a.py"}, phase="completed"), "✓ read a.py"),
        (Call("x", "write", {}, phase="denied", denied_by="rule"), "⊘ write - denied by rule"),
        (
            Call("x", "shell", {"command": "x"}, phase="interrupted"),
            "? shell x - it may have happened",
        ),
        (
            Call("x", "shell", {"command": "x"}, phase="interrupted", output="not run\nmore"),
            "? shell x - not run",
        ),
        (
            Call("x", "no", {}, phase="failed", error=ErrorInfo(code="c", message="Why.")),
            "✗ no - Why.",
        ),
    ],
)
def test_each_way_a_call_ends_has_its_line(call: Call, line: str):
    assert outcome(call) == line


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"old": "a", "path": "b.py"}, "b.py"),
        ({"command": "echo 1\n  echo 2"}, "echo 1 echo 2"),
        ({"items": [1, 2]}, "[1, 2]"),
        ({"": "{broken"}, "{broken"),
        ({}, ""),
        ({"command": "x" * 100}, "x" * 79 + "…"),
    ],
)
def test_a_call_is_known_by_one_argument_on_one_line(args: dict[str, object], text: str):
    assert key_argument(args) == text


def test_what_a_model_says_cannot_command_the_terminal():
    evil = replace(SAID, text="a\x1b[2Jb\x07\r\x9bc\td\n")

    assert printed(view(evil)) == "a[2Jbc\td\n"
