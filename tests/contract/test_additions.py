"""A released version only gains fields: a loss is seen, and no release has lost anything."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jidoka.contract.additions import losses
from jidoka.contract.schema import documents

RELEASES = Path(__file__).parents[1] / "history" / "schemas"
TODAY: dict[str, Any] = {name: json.loads(text) for name, text in documents().items()}
ENDED = "events/turn.ended.v1.json"
SUBMIT = "commands/message.submit.v1.json"


def releases() -> list[str]:
    """Return the versions whose schemas were recorded when they were released."""
    return sorted(path.name for path in RELEASES.glob("*") if path.is_dir())


def changed(edit: Callable[[dict[str, Any]], object]) -> list[str]:
    """Return the losses of an edit of today's schemas."""
    later = copy.deepcopy(TODAY)
    edit(later)
    return losses(TODAY, later)


@pytest.mark.parametrize("version", releases())
def test_nothing_of_a_release_is_lost(version: str):
    folder = RELEASES / version
    released = {
        str(path.relative_to(folder)): json.loads(path.read_text(encoding="utf-8"))
        for path in folder.rglob("*.json")
    }

    assert losses(released, TODAY) == []


ADDITIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a file": lambda s: s.update({"events/tool.dreamt.v1.json": {"type": "object"}}),
    "an optional field": lambda s: s[ENDED]["properties"].update(mood={"type": "string"}),
    "a nested optional field": lambda s: s[ENDED]["$defs"]["Usage"]["properties"].update(
        cached_tokens={"type": "integer"}
    ),
    "a definition": lambda s: s[ENDED]["$defs"].update(Mood={"type": "string"}),
    "other words": lambda s: s[ENDED].update(description="It is over."),
    "a code": lambda s: (
        s["errors.v1.json"]["allOf"].append({"if": {}, "then": {}}),
        s["errors.v1.json"]["properties"]["code"]["examples"].append("too_late"),
    ),
}
LOSSES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a file is gone": lambda s: s.pop(ENDED),
    "a field is gone": lambda s: s[ENDED]["properties"].pop("answer"),
    "a field has another type": lambda s: s[ENDED]["properties"]["steps"].update(type="string"),
    "a field is asked for": lambda s: s[ENDED]["required"].append("answer"),
    "a field may be missing": lambda s: s[ENDED]["required"].remove("outcome"),
    "nothing is asked for": lambda s: s[ENDED].pop("required"),
    "a value is gone": lambda s: s[ENDED]["$defs"]["TurnOutcome"]["enum"].remove("failed"),
    "a value is new": lambda s: s[ENDED]["$defs"]["TurnOutcome"]["enum"].append("bored"),
    "a bound is new": lambda s: s[SUBMIT]["properties"]["content"].update(maxLength=10),
    "a bound is narrower": lambda s: s[SUBMIT]["properties"]["author"].update(maxLength=10),
    "unknown fields are forbidden": lambda s: s[ENDED].update(additionalProperties=False),
    "another writer": lambda s: s[ENDED].update({"x-writer": "coordinator"}),
    "an error's field is gone": lambda s: s["errors.v1.json"]["$defs"]["inbox_full"][
        "properties"
    ].pop("waiting"),
    "an error is not told any more": lambda s: s["errors.v1.json"]["allOf"].pop(),
    "another exit code": lambda s: s["errors.v1.json"]["$defs"]["timeout"].update(
        {"x-exit-code": 9}
    ),
}


def test_today_is_no_loss_of_today():
    assert losses(TODAY, TODAY) == []


@pytest.mark.parametrize("what", ADDITIONS)
def test_is_an_addition(what: str):
    assert changed(ADDITIONS[what]) == []


@pytest.mark.parametrize("what", LOSSES)
def test_is_a_loss(what: str):
    found = changed(LOSSES[what])

    assert len(found) == 1
    assert found[0].startswith(("events/", "commands/", "errors."))
