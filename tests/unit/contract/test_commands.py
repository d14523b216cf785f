"""Commands: what is taken at the door, and what each bad one is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract.commands import (
    COMMANDS,
    MANAGER_COMMANDS,
    MAX_CONTENT_BYTES,
    MAX_METADATA_BYTES,
    MAX_PATH_BYTES,
    CreateSession,
    ListSessions,
    SubmitMessage,
    open_command,
)
from jidoka.contract.content import PermissionMode, Policy
from jidoka.contract.errors import (
    InvalidMessage,
    JidokaError,
    TooLarge,
    UnknownCommand,
    UnsupportedVersion,
)
from jidoka.contract.json import MAX_MESSAGE_BYTES

SHA = "ab" * 32
BLOB = {"ref": f"blob:s1/{SHA}", "size_bytes": 3, "sha256": SHA}
WRONG: dict[str, tuple[str, Any, str]] = {
    "no data": ("message.submit", None, "data"),
    "a list as data": ("message.submit", [1], "data"),
    "no content": ("message.submit", {"session_id": "s1"}, "data.content"),
    "an empty content": ("message.submit", {"session_id": "s1", "content": ""}, "data.content"),
    "a blank content": ("message.submit", {"session_id": "s1", "content": " \n"}, "data.content"),
    "no parts": ("message.submit", {"session_id": "s1", "content": []}, "data.content"),
    "blank parts": (
        "message.submit",
        {"session_id": "s1", "content": [{"type": "text", "text": " "}]},
        "data.content",
    ),
    "a part without a type": (
        "message.submit",
        {"session_id": "s1", "content": [{"text": "hi"}]},
        "data.content",
    ),
    "an unknown policy": (
        "message.submit",
        {"session_id": "s1", "content": "hi", "policy": "shout"},
        "data.policy",
    ),
    "no session": ("message.submit", {"content": "hi"}, "data.session_id"),
    "a session that is no text": ("turn.cancel", {"session_id": 7}, "data.session_id"),
    "a session with a wildcard": ("turn.cancel", {"session_id": "*"}, "data.session_id"),
    "a session with a dot": ("turn.cancel", {"session_id": "a.b"}, "data.session_id"),
    "a session in capitals": ("turn.cancel", {"session_id": "S1"}, "data.session_id"),
    "no project": ("session.create", {"name": "x"}, "data.project_path"),
    "an empty project": ("session.create", {"project_path": ""}, "data.project_path"),
    "a project with a NUL": ("session.create", {"project_path": "/a\0b"}, "data.project_path"),
    "an unknown mode": (
        "session.create",
        {"project_path": "/a", "permission_mode": "yolo"},
        "data.permission_mode",
    ),
    "a temperature beyond 2": (
        "session.create",
        {"project_path": "/a", "llm": {"temperature": 3}},
        "data.llm.temperature",
    ),
    "a key in the place of its reference": (
        "session.create",
        {"project_path": "/a", "llm": {"model": "scripted:x", "api_key_ref": "sk-1234"}},
        "data.llm.api_key_ref",
    ),
    "a key in the place of its reference, later": (
        "session.configure",
        {"session_id": "s1", "llm": {"api_key_ref": "sk-1234"}},
        "data.llm.api_key_ref",
    ),
    "a key among the options": (
        "session.create",
        {"project_path": "/a", "llm": {"extra": {"api_key": "sk-1234"}}},
        "data.llm.extra.api_key",
    ),
    "a server that is no URL": (
        "session.create",
        {"project_path": "/a", "llm": {"api_base": "localhost"}},
        "data.llm.api_base",
    ),
    "a server with a password": (
        "session.create",
        {"project_path": "/a", "llm": {"api_base": "http://me:secret@127.0.0.1/v1"}},
        "data.llm.api_base",
    ),
    "an endless model": (
        "session.configure",
        {"session_id": "s1", "llm": {"model": "m" * 5_000}},
        "data.llm.model",
    ),
    "no steps": (
        "session.create",
        {"project_path": "/a", "limits": {"max_steps": 0}},
        "data.limits.max_steps",
    ),
    "a list of nothing": ("session.list", {"limit": 0}, "data.limit"),
    "an unknown status": ("session.list", {"status": ["asleep"]}, "data.status.0"),
    "an answer that is neither": (
        "permission.answer",
        {"session_id": "s1", "call_id": "c", "decision": "maybe"},
        "data.decision",
    ),
    "no call": (
        "permission.answer",
        {"session_id": "s1", "call_id": "", "decision": "allow"},
        "data.call_id",
    ),
    "an endless call": (
        "permission.answer",
        {"session_id": "s1", "call_id": "c" * 257, "decision": "allow"},
        "data.call_id",
    ),
    "an endless reason": (
        "turn.cancel",
        {"session_id": "s1", "reason": "x" * 5_000},
        "data.reason",
    ),
}
FOREIGN = BLOB | {"ref": f"blob:s2/{SHA}"}
NO_BLOBS = {
    "a blob of another session": FOREIGN,
    "a reference that is none": BLOB | {"ref": "/etc/passwd"},
    "a reference that climbs": BLOB | {"ref": f"blob:s1/../s2/{SHA}"},
    "a size below nothing": BLOB | {"size_bytes": -1},
}
GOOD_NAMES = ["a", "shop bugs", "Größe 2", "_x-1", "9", "x" * 50]
BAD_NAMES = [
    "",
    " ",
    " a",
    "x" * 51,
    "a/b",
    "a.b",
    "a\nb",
    "a\n",
    "../x",
    "a\0",
    "<b>",
    "😀",
    "a\tb",
]


@pytest.mark.parametrize("what", WRONG)
def test_is_told_which_field_is_wrong(what: str):
    name, data, path = WRONG[what]

    with pytest.raises(InvalidMessage) as refusal:
        open_command(name, 1, data, None)

    assert refusal.value.problems[0]["path"].startswith(path)


def test_a_key_in_the_wrong_place_is_not_repeated():
    llm = {"api_key_ref": "sk-canary", "api_base": "http://me:canary@[", "extra": {"x": "canary"}}

    with pytest.raises(InvalidMessage) as refusal:
        open_command("session.create", 1, {"project_path": "/a", "llm": llm}, None)

    assert len(refusal.value.problems) == 3
    assert "canary" not in json.dumps(refusal.value.as_dict())


def test_every_problem_is_named_at_once():
    data = {"project_path": "", "name": "", "limits": {"max_steps": 0}}

    with pytest.raises(InvalidMessage) as refusal:
        open_command("session.create", 1, data, None)

    paths = {problem["path"] for problem in refusal.value.problems}
    assert paths == {"data.name", "data.project_path", "data.limits.max_steps"}


def test_a_refusal_stays_small_however_many_parts_are_wrong():
    data = {"session_id": "s1", "content": [{"type": "x" * 1_000}] * 2_000}

    with pytest.raises(InvalidMessage) as refusal:
        open_command("message.submit", 1, data, None)

    assert len(json.dumps(refusal.value.as_dict())) < 16_000


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_is_a_name(name: str):
    command = open_command("session.create", 1, {"project_path": "/a", "name": name}, None)

    assert isinstance(command, CreateSession)
    assert command.session_name == name


@pytest.mark.parametrize("name", BAD_NAMES)
def test_is_no_name(name: str):
    with pytest.raises(InvalidMessage) as refusal:
        open_command("session.rename", 1, {"session_id": "s1", "name": name}, None)

    assert [problem["path"] for problem in refusal.value.problems] == ["data.name"]


@pytest.mark.parametrize(
    ("name", "data", "what", "maximum"),
    [
        ("message.submit", {"content": "é" * (MAX_CONTENT_BYTES // 2)}, "content", 1),
        ("message.edit", {"message_id": "m", "content": "x" * MAX_CONTENT_BYTES}, "content", 1),
        ("session.create", {"project_path": "/" * MAX_PATH_BYTES}, "project_path", 1),
        (
            "session.create",
            {"project_path": "/a", "metadata": {"a": "x" * (MAX_METADATA_BYTES - 8)}},
            "metadata",
            1,
        ),
    ],
)
def test_exactly_the_limit_is_taken_and_one_byte_more_is_too_large(
    name: str, data: dict[str, Any], what: str, maximum: int
):
    data = {"session_id": "s1"} | data
    taken = open_command(name, 1, data, None)
    longer = data | {what: {"a": data[what]["a"] + "x"} if what == "metadata" else data[what] + "x"}

    with pytest.raises(TooLarge) as refusal:
        open_command(name, 1, longer, None)

    assert taken.name == name
    assert refusal.value.what == what
    assert refusal.value.size_bytes == refusal.value.maximum_bytes + maximum


@pytest.mark.parametrize("what", NO_BLOBS)
@pytest.mark.parametrize("kind", ["image", "file"])
def test_a_part_may_not_hold(what: str, kind: str):
    parts = [{"type": "text", "text": "look"}, {"type": kind, "blob": NO_BLOBS[what]}]
    data = {"session_id": "s1", "content": parts}

    with pytest.raises(InvalidMessage) as refusal:
        open_command("message.submit", 1, data, None)

    assert any(".1." in problem["path"] for problem in refusal.value.problems)


def test_a_part_may_hold_a_blob_of_its_own_session():
    data = {"session_id": "s1", "content": [{"type": "image", "blob": BLOB}]}

    command = open_command("message.submit", 1, data, None)

    assert isinstance(command, SubmitMessage)


def test_an_unknown_command_is_told_the_known_ones():
    with pytest.raises(UnknownCommand) as refusal:
        open_command("session.dream" + "x" * 1_000, 1, {}, None)

    assert refusal.value.known == tuple(COMMANDS)
    assert len(refusal.value.name) == 128


@pytest.mark.parametrize("version", [0, 2, 9999])
def test_another_version_is_not_guessed(version: int):
    with pytest.raises(UnsupportedVersion) as refusal:
        open_command("turn.cancel", version, {"session_id": "s1"}, None)

    assert refusal.value.supported == "turn.cancel.v1"


def test_the_session_may_be_named_by_the_envelope_alone():
    command = open_command("message.submit", 1, {"content": "hi"}, "s1")

    assert command == SubmitMessage(session_id="s1", content="hi")


def test_two_names_for_one_session_have_to_agree():
    with pytest.raises(InvalidMessage) as refusal:
        open_command("message.submit", 1, {"session_id": "s2", "content": "hi"}, "s1")

    assert refusal.value.problems[0]["path"] == "subject"


def test_a_command_without_a_session_does_not_care_for_the_subject():
    assert open_command("session.list", 1, {}, "anything") == ListSessions()


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "Infinity"])
@pytest.mark.parametrize("limit", ["turn_cost_usd", "session_cost_usd", "turn_wall_s"])
def test_a_limit_is_a_finite_number(limit: str, value: str):
    data = {"session_id": "s" + "0" * 24, "limits": {limit: value}}

    with pytest.raises(InvalidMessage) as refused:
        open_command("session.configure", 1, data, None)

    assert refused.value.problems[0]["path"] == f"data.limits.{limit}"


def test_fields_of_a_later_version_are_ignored_however_deep():
    data = {
        "session_id": "s1",
        "content": [{"type": "text", "text": "hi", "mood": "sunny"}],
        "urgent": True,
    }

    command = open_command("message.submit", 1, data, None)

    assert isinstance(command, SubmitMessage)
    assert command.policy is Policy.QUEUE


def test_the_shortest_create_has_the_defaults_of_the_design():
    command = open_command("session.create", 1, {"project_path": "/a"}, None)

    assert isinstance(command, CreateSession)
    assert (command.permission_mode, command.limits.max_steps) == (PermissionMode.ASK, 50)
    assert command.llm.model is None


def test_the_caller_s_data_is_left_as_it_was():
    data = {"content": "hi"}

    open_command("message.submit", 1, data, "s1")

    assert data == {"content": "hi"}


def test_what_the_manager_decides_are_commands():
    assert set(COMMANDS) > MANAGER_COMMANDS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(BLOB),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = sorted({field for kind in COMMANDS.values() for field in kind.model_fields} | {"name"})


@given(
    st.sampled_from([*COMMANDS, "no.such"]),
    st.integers(0, 2),
    VALUES | st.dictionaries(st.sampled_from(FIELDS), VALUES),
    st.none() | st.text(max_size=8) | st.just("s1"),
)
def test_whatever_is_said_it_is_a_command_or_a_refusal(
    name: str, version: int, data: Any, subject: str | None
):
    try:
        command = open_command(name, version, data, subject)
    except JidokaError as refusal:
        answer = json.dumps(refusal.as_dict())
        assert len(answer) < MAX_MESSAGE_BYTES // 8
    else:
        assert command.name == name


@pytest.mark.parametrize(
    ("content", "paths"),
    [
        ("", ["data.content"]),
        ([], ["data.content"]),
        (5, ["data.content"]),
        ([{"type": "song"}], ["data.content.0"]),
        (["hi"], ["data.content.0"]),
        ([{"type": "text", "text": "hi"}, {"type": "text"}], ["data.content.1.text"]),
        ([{"type": "image", "blob": BLOB | {"ref": "x"}}], ["data.content.0.blob.ref"]),
    ],
)
def test_the_place_of_a_problem_is_what_the_sender_wrote(content: Any, paths: list[str]):
    with pytest.raises(InvalidMessage) as refusal:
        open_command("message.submit", 1, {"session_id": "s1", "content": content}, None)

    assert [problem["path"] for problem in refusal.value.problems] == paths
