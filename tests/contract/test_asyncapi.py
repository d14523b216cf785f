"""`schemas/asyncapi.yaml` is written by hand: here it is held against the code, word by word."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from jidoka.contract import subjects
from jidoka.contract.commands import COMMANDS
from jidoka.contract.envelope import CONTENT_TYPE, type_of
from jidoka.contract.events import EVENTS
from jidoka.contract.live import LIVE_KINDS
from jidoka.contract.replies import ACCEPTED, REFUSED

SCHEMAS = Path(__file__).parents[2] / "schemas"
DOCUMENT: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
CHANNELS: dict[str, Any] = DOCUMENT["channels"]
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
LIVE = {f"live.{kind}": kind for kind in LIVE_KINDS}
FILES = (
    {name: f"commands/{name}" for name in COMMANDS}
    | {name: f"events/{name}" for name in EVENTS}
    | {name: f"live/{kind}" for name, kind in LIVE.items()}
    | {name: f"replies/{name}" for name in (ACCEPTED, REFUSED)}
)
NOUN_VERB = {"noun": "message", "verb": "accepted"}
ADDRESSES = {
    "commandRequests": (NOUN_VERB, subjects.command_request("message.accepted")),
    "durableCommands": (NOUN_VERB, subjects.session_command("s1", "message.accepted")),
    "events": (NOUN_VERB, subjects.session_event("s1", "message.accepted")),
    "live": ({"kind": "text"}, subjects.session_live("s1", "text")),
    "quarantine": ({"program": "coordinator"}, subjects.dlq("coordinator")),
}


def resolve(pointer: str) -> Any:
    """Return what a `$ref` inside the document points to."""
    node: Any = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        node = node[part]
    return node


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def names(channel: str) -> set[str]:
    return set(CHANNELS[channel]["messages"])


def test_it_is_asyncapi_3_for_our_content_type():
    assert re.fullmatch(r"3\.\d+\.\d+", DOCUMENT["asyncapi"])
    assert DOCUMENT["defaultContentType"] == CONTENT_TYPE


def test_every_reference_leads_somewhere():
    inside = [ref for ref in references(DOCUMENT) if ref.startswith("#/")]
    files = [ref for ref in references(DOCUMENT) if not ref.startswith("#/")]

    assert all(resolve(ref) for ref in inside)
    assert [ref for ref in files if not (SCHEMAS / ref).is_file()] == []


@pytest.mark.parametrize("channel", ADDRESSES)
def test_an_address_is_the_subject_that_the_code_spells(channel: str):
    values, subject = ADDRESSES[channel]
    address = CHANNELS[channel]["address"].format(session_id="s1", **values)

    assert address == subject
    assert set(CHANNELS[channel]["parameters"]) == set(
        re.findall(r"{(\w+)}", CHANNELS[channel]["address"])
    )


def test_every_channel_is_known_here():
    assert CHANNELS.keys() == ADDRESSES.keys() | {"replies"}


def test_the_channels_carry_exactly_what_the_code_knows():
    assert names("events") == set(EVENTS)
    assert names("commandRequests") == names("durableCommands") == set(COMMANDS)
    assert names("live") == set(LIVE)
    assert names("replies") == {ACCEPTED, REFUSED}


def test_the_kinds_of_deltas_are_those_of_the_code():
    assert CHANNELS["live"]["parameters"]["kind"]["enum"] == list(LIVE_KINDS)


def test_a_channel_calls_a_message_by_its_own_name():
    wrong = {
        name: entry["$ref"]
        for channel in CHANNELS.values()
        for name, entry in channel["messages"].items()
        if entry["$ref"] != f"#/components/messages/{name}"
    }

    assert wrong == {}


def test_no_message_is_described_that_nobody_sends():
    assert MESSAGES.keys() == FILES.keys() | {"quarantined"}


@pytest.mark.parametrize("name", FILES)
def test_a_message_is_an_envelope_of_its_type_and_its_schema(name: str):
    envelope, rest = MESSAGES[name]["payload"]["allOf"]
    schema = json.loads((SCHEMAS / f"{FILES[name]}.v1.json").read_text(encoding="utf-8"))

    assert envelope == {"$ref": "./envelope.v1.json"}
    assert rest["properties"] == {
        "type": {"const": type_of(name)},
        "data": {"$ref": f"./{FILES[name]}.v1.json"},
    }
    assert schema["title"] == type_of(name)


def test_the_writers_are_those_of_the_catalogue():
    said = {name: MESSAGES[name].get("x-writer") for name in EVENTS}

    assert said == {name: kind.writer.value for name, kind in EVENTS.items()}
