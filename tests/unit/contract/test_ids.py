"""Ids: nothing that a client says leaves the one token that it is meant to be."""

from __future__ import annotations

import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from jidoka.contract.ids import (
    SessionId,
    Token,
    is_session_id,
    is_token,
    project_key,
    session_id_of,
    uuid7,
)

BAD_SESSION_IDS = [
    "", ".", "a.b", "*", "a*", ">", "a>", "/", "../a", "a/b", " ", "a b", "a\t", "a\n", "\n", "\0",
    "a\0b", "A", "aB", "é", "\u0430", "ᵃ", "\u0661", "a" * 65, "$JS", "a:b", "a%2e", "{a}",
]  # fmt: skip
GOOD_SESSION_IDS = ["a", "s0", "a-b_c", "-", "_", "9", "a" * 64]
RANDOM = st.binary(min_size=10, max_size=10)
MS = st.integers(0, 2**48 - 1)


@pytest.mark.parametrize("text", BAD_SESSION_IDS)
def test_is_no_session_id(text: str):
    with pytest.raises(ValidationError):
        TypeAdapter(SessionId).validate_python(text)

    assert not is_session_id(text)


@pytest.mark.parametrize("text", GOOD_SESSION_IDS)
def test_is_a_session_id(text: str):
    assert TypeAdapter(SessionId).validate_python(text) == text
    assert is_session_id(text)


@pytest.mark.parametrize("text", [text for text in BAD_SESSION_IDS if text not in ("A", "aB")])
def test_is_no_token(text: str):
    with pytest.raises(ValidationError):
        TypeAdapter(Token).validate_python(text)

    assert not is_token(text)


def test_a_token_may_have_capitals():
    assert is_token("Agent-7_B")


@given(st.text(max_size=70))
def test_both_ways_to_ask_agree(text: str):
    try:
        TypeAdapter(SessionId).validate_python(text)
    except ValidationError:
        valid = False
    else:
        valid = True

    assert is_session_id(text) == valid


@given(MS, RANDOM)
def test_a_uuid7_is_one_by_the_standard(unix_ms: int, random_bytes: bytes):
    made = uuid.UUID(uuid7(unix_ms, random_bytes))

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == unix_ms


@given(MS, MS, RANDOM, RANDOM)
def test_a_later_uuid7_sorts_later(earlier: int, later: int, one: bytes, other: bytes):
    if earlier > later:
        earlier, later = later, earlier

    assert earlier == later or uuid7(earlier, one) < uuid7(later, other)


@given(st.lists(RANDOM, unique_by=lambda b: (b[0] & 15, b[1], b[2] & 63, b[3:]), max_size=20))
def test_within_a_millisecond_the_random_bits_tell_uuids_apart(randoms: list[bytes]):
    made = {uuid7(1, random_bytes) for random_bytes in randoms}

    assert len(made) == len(randoms)


def test_a_uuid7_takes_exactly_ten_random_bytes():
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(1, b"123456789")


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_the_id_of_a_session_follows_from_its_command(source: str, command_id: str):
    made = session_id_of(source, command_id)

    digest = hashlib.sha256(source.encode() + b"\n" + command_id.encode()).hexdigest()
    assert made == f"s{digest[:24]}"
    assert is_session_id(made)


def test_a_project_s_key_is_a_token_even_of_a_path_that_is_no_text():
    assert is_token(project_key("/data/b\udcff/ö x"))
