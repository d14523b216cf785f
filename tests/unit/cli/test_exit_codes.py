"""What a run exits with follows from its turn, and from each error's class."""

from __future__ import annotations

import json

import pytest

from jidoka.cli.failing import exit_code_of, print_error, report
from jidoka.cli.results import as_event, of_error, of_turn
from jidoka.cli.watching import exit_code_of_turn
from jidoka.client.shapes import Call, TurnView
from jidoka.contract.content import ErrorInfo, TurnOutcome
from jidoka.contract.envelope import receive
from jidoka.contract.errors import ERRORS, ApiKeyMissing, SessionLimitReached
from jidoka.contract.replies import RunResult

DENIED = Call("x", "shell", {}, phase="denied", denied_by="default")


def failed(code: str) -> TurnView:
    return TurnView("t", outcome=TurnOutcome.FAILED, error=ErrorInfo(code=code, message="why"))


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (TurnView("t", outcome=TurnOutcome.COMPLETED), 0),
        (TurnView("t", outcome=TurnOutcome.COMPLETED, entries=(DENIED,)), 6),
        (TurnView("t", outcome=TurnOutcome.CANCELLED), 130),
        (TurnView("t", outcome=TurnOutcome.BUDGET), 8),
        (TurnView("t", outcome=TurnOutcome.STEP_LIMIT), 8),
        (TurnView("t", outcome=TurnOutcome.FAILED), 1),
        (failed("provider_timeout"), 1),
        (failed("unavailable"), 1),
        (failed("provider_auth"), 7),
        (failed("sandbox_unavailable"), 6),
        (failed("of the future"), 1),
    ],
)
def test_a_run_exits_by_the_outcome_of_its_turn(turn: TurnView, code: int):
    assert exit_code_of_turn(turn) == code


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_has_an_exit_code_of_the_list(code: str):
    assert exit_code_of(code) in {1, 2, 3, 4, 5, 6, 7, 8, 9}


def test_an_error_is_one_line_for_a_person(capsys: pytest.CaptureFixture[str]):
    code = report(SessionLimitReached(current=10, maximum=10), as_json=False)

    captured = capsys.readouterr()
    assert code == 4
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: 10 of 10 sessions are open")


def test_several_ways_out_get_a_line_each(capsys: pytest.CaptureFixture[str]):
    error = ApiKeyMissing(provider="", ways=("set a key", "name a server", "take the small one"))

    print_error(error.message, error.details())

    assert capsys.readouterr().err.splitlines() == [
        "error: No model is configured. Ways out:",
        "  - set a key",
        "  - name a server",
        "  - take the small one",
    ]


def test_an_error_is_an_object_for_a_program(capsys: pytest.CaptureFixture[str]):
    report(SessionLimitReached(current=10, maximum=10), as_json=True)

    assert json.loads(capsys.readouterr().out)["error"]["details"]["maximum"] == 10


def test_the_result_is_a_cloudevent_that_the_contract_reads():
    result = of_turn("s1", TurnView("t", outcome=TurnOutcome.COMPLETED, answer="42", steps=3), 0.0)

    envelope = receive(as_event(result))

    assert (envelope.name, envelope.subject) == ("run.result", "s1")
    assert RunResult.model_validate(envelope.data) == result
    assert (result.subtype, result.is_error, result.num_turns) == ("success", False, 3)


def test_a_run_that_an_error_ended_has_a_result_too():
    result = of_error(None, ApiKeyMissing(provider="openai"), 0.0)

    assert (result.is_error, result.subtype) == (True, "api_key_missing")
