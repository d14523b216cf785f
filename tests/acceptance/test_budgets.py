"""At a limit of money a session pauses and asks, whatever dies meanwhile; a run ends with 8."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Write, call
from tests.support.home import Home, running_home, until

pytestmark = [pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def purse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home where an owner may spend ten dollars a month."""
    folder = tmp_path_factory.mktemp("budgets") / "home"
    with running_home(folder, JIDOKA_OWNER_COST_USD="10") as home:
        yield home


def costly(*costs: float) -> list[dict[str, Any]]:
    look = {"tool_calls": [call("list")]}
    *some, last = costs
    return [*({**look, "cost_usd": usd} for usd in some), {"text": "Done.", "cost_usd": last}]


def questions(home: Home, session_id: str) -> list[Any]:
    found = (item.envelope for item in home.log_of(session_id))
    return [each for each in found if each.name == "question.asked"]


def test_a_pause_survives_its_worker_and_goes_on_with_an_answer(
    purse: Home, project: Path, script: Write
):
    settings = {
        "llm": {"model": f"scripted:{script(*costly(0.3, 0.1))}"},
        "limits": {"turn_cost_usd": 0.25},
        "permission_mode": "full-auto",
        "owner": "ada",
    }
    session_id = purse.ask(lambda client: client.create_session(project, **settings))
    purse.jidoka("send", session_id, "Go.")
    until(lambda: questions(purse, session_id))
    worker = purse.ask(lambda client: client.get_session_info(session_id))

    assert worker.worker_pid is not None
    os.kill(worker.worker_pid, signal.SIGKILL)
    until(lambda: purse.has(session_id, "worker.lost"))
    (question,) = questions(purse, session_id)
    answered = purse.jidoka("answer", session_id, question.data["call_id"], "continue")
    until(lambda: purse.has(session_id, "turn.ended"))

    assert answered.returncode == 0, answered.stderr
    assert question.data["over"] == {
        **{"scope": "turn", "kind": "cost_usd", "used": 0.3, "limit": 0.25}
    }
    assert len(questions(purse, session_id)) == 1
    end = next(i.envelope for i in purse.log_of(session_id) if i.envelope.name == "turn.ended")
    assert (end.data["outcome"], end.data["cost_usd"]) == ("completed", 0.4)
    purse.jidoka("session", "close", session_id)


def test_an_owner_without_money_ends_a_run_with_8_and_is_told_why(
    purse: Home, project: Path, script: Write
):
    model = f"scripted:{script(*costly(9.0, 0.5))}"
    words = ("--project", str(project), "--model", model)

    first = purse.jidoka("run", "Go.", *words)
    second = purse.jidoka("run", "Go.", *words)

    assert (first.returncode, second.returncode) == (0, 8), first.stderr + second.stderr
    assert "owner's budget" in second.stdout + second.stderr
    spent = purse.json("usage", "--owner", "", "--by", "owner", "--json")["total"]
    assert (spent["cost_usd"], spent["calls"]) == (18.5, 3)
