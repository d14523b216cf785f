"""A client in another language, from the documents alone: subjects, CloudEvents and JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.support.home import Home, running_home, until

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).parent / "client.mjs"
ANSWER = "The note says: größer 😀."

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no node on this machine"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The whole system, as `jidoka up` starts it."""
    with running_home(tmp_path_factory.mktemp("polyglot") / "home") as home:
        yield home


@pytest.fixture(scope="module")
def told(home: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the client saw of one session with one turn."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "project").mkdir()
    (folder / "project" / "note.txt").write_text("größer 😀\n")
    script = folder / "script.json"
    read = {"tool": "read", "arguments": {"path": "note.txt"}}
    answers = [
        {"tool_calls": [read]},
        {"text": ANSWER, "deltas": ["The note ", "says: größer 😀."]},
    ]
    script.write_text(json.dumps({"answers": answers}))
    command = ["node", CLIENT, home.state["nats_url"], folder / "project", f"scripted:{script}"]
    answer = subprocess.run(
        [*command, "What does the note say?"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr + home.logs()
    return json.loads(answer.stdout)


def names(told: dict[str, Any]) -> list[str]:
    return [event["type"].removeprefix("jido.").removesuffix(".v1") for event in told["events"]]


def test_it_has_the_answer(told: dict[str, Any]):
    assert told["result"]["outcome"] == "completed"
    assert told["result"]["answer"] == ANSWER


def test_it_saw_the_answer_while_it_came(told: dict[str, Any]):
    assert told["shown"] == ANSWER


def test_it_saw_every_event_from_the_first_in_order(told: dict[str, Any]):
    numbers = [int(event["sequence"]) for event in told["events"]]

    assert numbers == list(range(1, len(numbers) + 1))
    assert names(told)[0] == "session.created"
    assert "tool.completed" in names(told)


def test_a_message_sent_twice_was_recorded_once_and_answered_the_same(told: dict[str, Any]):
    assert told["first"]["data"] == told["again"]["data"]
    assert names(told).count("message.accepted") == 1


def test_what_was_wrong_was_refused_with_a_code(told: dict[str, Any]):
    assert told["refused"]["type"] == "jido.command.refused.v1"
    assert told["refused"]["data"]["code"] == "session_not_found"


def test_the_session_was_put_away(told: dict[str, Any], home: Home):
    assert told["closed"]["type"] == "jido.command.accepted.v1"
    assert "settled" in told["closed"]["data"]  # it is, unless that took its time
    assert until(lambda: home.status_of(told["sessionId"]) == "closed")


def test_all_that_came_over_the_wire_fits_the_published_schemas(told: dict[str, Any]):
    envelope = json.loads((ROOT / "schemas/envelope.v1.json").read_text())

    for event in told["events"]:
        name = event["dataschema"].removeprefix("urn:jidoka:schema:").replace(":", "/")
        schema = json.loads((ROOT / f"schemas/{name}.json").read_text())
        jsonschema.Draft202012Validator(envelope).validate(event)
        jsonschema.Draft202012Validator(schema).validate(event["data"])
