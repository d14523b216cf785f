"""The envelope: every form that the field uses comes in, one form goes out."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract.envelope import (
    CONTENT_TYPE,
    CONTENT_TYPE_HEADER,
    MOST_PROBLEMS,
    Envelope,
    digest_of,
    open_stored,
    receive,
    type_of,
)
from jidoka.contract.errors import InvalidMessage, TooLarge

VECTORS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cloudevents.yaml").read_text(encoding="utf-8")
)
READ = {vector["name"]: vector for vector in VECTORS if "event" in vector}
REFUSED = {vector["name"]: vector for vector in VECTORS if "problem" in vector}

TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters='"'),
    min_size=1,
    max_size=40,
).filter(lambda text: text == text.strip())
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ENVELOPES = st.builds(
    Envelope,
    id=TEXT,
    source=TEXT,
    type=TEXT,
    subject=st.none() | TEXT,
    time=st.none() | st.datetimes(timezones=st.just(UTC)),
    sequence=st.none() | st.integers(0, 10**10 - 1).map(lambda n: f"{n:010d}"),
    epoch=st.none() | st.integers(0, 2**31 - 1),
    causationid=st.none() | TEXT,
    data=st.dictionaries(TEXT, JSON, max_size=4),
)


def percent(text: str) -> str:
    """Encode a header value as the specification asks for."""
    return "".join(
        char if "!" <= char <= "~" and char not in '"%' else
        "".join(f"%{byte:02X}" for byte in char.encode())
        for char in text
    )  # fmt: skip


def binary(envelope: Envelope) -> tuple[bytes, dict[str, str]]:
    attributes = envelope.model_dump(mode="json", exclude_none=True)
    data = attributes.pop("data")
    headers = {f"ce-{name}": percent(str(value)) for name, value in attributes.items()}
    return json.dumps(data).encode(), headers


@pytest.mark.parametrize("name", READ)
def test_a_message_is_read_as(name: str):
    vector = READ[name]

    envelope = receive(vector["body"].encode(), vector["headers"])

    shown = json.loads(envelope.to_json())
    assert shown == {"specversion": "1.0", **vector["event"]}


@pytest.mark.parametrize("name", REFUSED)
def test_a_message_is_refused_that_has(name: str):
    vector = REFUSED[name]

    with pytest.raises(InvalidMessage) as refusal:
        receive(vector["body"].encode(), vector["headers"])

    assert refusal.value.problems[0]["path"] == vector["problem"]


@given(ENVELOPES)
def test_what_is_written_is_read_back_the_same(envelope: Envelope):
    again = receive(envelope.to_json(), {CONTENT_TYPE_HEADER: CONTENT_TYPE})

    assert (again, open_stored(envelope.to_json())) == (envelope, envelope)


@given(ENVELOPES)
def test_binary_mode_says_the_same_as_structured_mode(envelope: Envelope):
    body, headers = binary(envelope)

    assert receive(body, headers) == envelope


@given(ENVELOPES)
def test_a_stranger_s_library_reads_every_envelope_unchanged(envelope: Envelope):
    event = JSONFormat().read(None, envelope.to_json())

    attributes = envelope.model_dump(exclude_none=True, exclude={"data", "time"})
    assert {name: event.get_extension(name) for name in attributes} == attributes
    assert event.get_data() == envelope.data


@given(st.binary(max_size=400), st.dictionaries(st.text(max_size=20), st.text(max_size=20)))
def test_any_bytes_are_an_envelope_or_a_refusal(body: bytes, headers: dict[str, str]):
    for form in ({}, {"content-type": CONTENT_TYPE}, {"ce-specversion": "1.0", "ce-id": "1"}):
        with suppress(InvalidMessage):
            assert receive(body, headers | form).id


@given(st.dictionaries(st.text(max_size=12) | st.sampled_from([*Envelope.model_fields]), JSON))
def test_any_attributes_are_an_envelope_or_a_refusal(attributes: dict[str, Any]):
    required = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t"}
    with suppress(InvalidMessage):
        assert receive(json.dumps(required | attributes).encode()).to_json()


def test_more_than_a_mebibyte_is_too_large():
    with pytest.raises(TooLarge) as refusal:
        receive(b" " * (1024 * 1024 + 1))

    assert refusal.value.details() == {
        "what": "message",
        "size_bytes": 1024 * 1024 + 1,
        "maximum_bytes": 1024 * 1024,
    }


def test_a_refusal_names_every_problem_and_shows_no_value():
    body = b'{"specversion":"1.0","id":7,"source":"","type":"t","sequence":"sk-secret"}'

    with pytest.raises(InvalidMessage) as refusal:
        receive(body)

    assert [problem["path"] for problem in refusal.value.problems] == ["id", "source", "sequence"]
    assert "sk-secret" not in refusal.value.message


def test_a_refusal_stays_small_however_much_is_wrong():
    names = {f"Wrong-{number}" * 20: 1 for number in range(1_000)}
    body = json.dumps({"specversion": "1.0", "id": "1", "source": "/a", "type": "t", **names})

    with pytest.raises(InvalidMessage) as refusal:
        receive(body.encode())

    assert len(refusal.value.problems) == MOST_PROBLEMS
    assert len(refusal.value.message) < 4_000


def test_unknown_attributes_are_kept():
    body = b'{"specversion":"1.0","id":"1","source":"/a","type":"t","comexampleteam":"core"}'

    envelope = receive(receive(body).to_json())

    assert envelope.model_extra == {"comexampleteam": "core"}


@pytest.mark.parametrize(
    ("type_", "name", "version"),
    [
        ("jido.message.submit.v1", "message.submit", 1),
        ("jido.live.tool_output.v12", "live.tool_output", 12),
        ("jido.agent.error", "jido.agent.error", 0),
        ("com.example.thing", "com.example.thing", 0),
        ("jido.a.b.v12345", "jido.a.b.v12345", 0),
    ],
)
def test_a_type_has_a_name_and_a_version(type_: str, name: str, version: int):
    envelope = Envelope(id="1", source="/a", type=type_)

    assert (envelope.name, envelope.version) == (name, version)


def test_a_type_is_made_of_its_name():
    assert type_of("message.submit") == "jido.message.submit.v1"


def test_a_time_is_utc_whatever_zone_it_came_in():
    east = datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1)))
    body = Envelope(id="1", source="/a", type="t", time=east).to_json()

    envelope = receive(body)

    assert envelope.time is not None
    assert envelope.time.isoformat() == "2026-11-21T09:00:00+00:00"


def test_a_digest_is_the_sha_256_of_the_bytes():
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    assert digest_of(b"abc") == known
