"""What was spent stands in the log, and is added up from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Write
from tests.support.home import Home

pytestmark = [pytest.mark.timeout(120)]


def told(when: str, tokens: int, cost: float) -> dict[str, Any]:
    spent = {"input_tokens": tokens, "output_tokens": 1, "cost_usd": cost}
    return {"when": when, "text": "Well.", **spent}


def test_usage_adds_up_what_every_call_took(home: Home, project: Path, script: Write):
    model = f"scripted:{script(told('Hi.', 100, 0.5), told('Again.', 20, 0.25))}"
    for words in (("Hi.", "--model", model), ("Again.", "-c")):
        answer = home.jidoka("run", *words, "--project", str(project))
        assert answer.returncode == 0, answer.stderr
    session_id = home.json("session", "list", "--status", "closed", "--json")[0]["session_id"]

    turns = home.json("usage", "--session", session_id, "--json")
    models = home.json("usage", "--session", session_id, "--by", "model", "--json")
    everything = home.json("usage", "--json")
    table = home.jidoka("usage", "--session", session_id).stdout.splitlines()

    assert turns["total"] == {
        **{"key": "total", "name": "", "calls": 2, "input_tokens": 120, "output_tokens": 2},
        **{"cost_usd": 0.75, "unmeasured": 0, "unpriced": 0},
    }
    assert [row["cost_usd"] for row in turns["rows"]] == [0.5, 0.25]
    assert [row["key"] for row in models["rows"]] == [model]
    mine = next(row for row in everything["rows"] if row["key"] == session_id)
    assert (mine["input_tokens"], mine["cost_usd"], bool(mine["name"])) == (120, 0.75, True)
    assert table[0].split() == ["TURN", "NAME", "CALLS", "INPUT", "OUTPUT", "USD"]
    assert table[-1].split() == ["total", "2", "120", "2", "0.7500"]


def test_usage_says_by_what_it_can_be_added_up(home: Home):
    answer = home.jidoka("usage", "--by", "colour")

    assert answer.returncode == 2
    assert "session, owner, model, day, turn" in answer.stderr
