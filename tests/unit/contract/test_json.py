"""Reading JSON of strangers: what breaks a naive reader is a refusal here, in bounded time."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract.errors import InvalidMessage, TooLarge
from jidoka.contract.json import MAX_DEPTH, MAX_MESSAGE_BYTES, read_json, write_json

TRAPS = {
    "nested deeper than the stack": b"[" * 100_000 + b"]" * 100_000,
    "nested a little too deep": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "nested and never closed": b'{"a":' * 100_000,
    "nested behind a text with brackets": b'["\\"]]]]",' + b"[" * 99,
    "an integer of 5,000 digits": b"1" * 5_000,
    "a negative integer of 20 digits": b"-" + b"1" * 20,
    "not a number": b"NaN",
    "infinity": b"[-Infinity]",
    "beyond all floats": b"1e999",
    "a key twice": b'{"a":1,"a":2}',
    "a key twice, deep inside": b'[{"b":{"a":1,"\\u0061":2}}]',
    "half a surrogate pair": b'{"a":"\\ud800"}',
    "half a surrogate pair in a key": b'{"\\uDC00":1}',
    "half a surrogate pair in bytes": b'"\xed\xa0\x80"',
    "no UTF-8": b'"\xff"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a raw control character": b'"a\x00b"',
    "something behind the end": b"{} {}",
    "nothing": b"",
    "a comment": b"{} // no",
}


@pytest.mark.parametrize("trap", TRAPS)
def test_is_refused(trap: str):
    with pytest.raises(InvalidMessage) as refusal:
        read_json(TRAPS[trap])

    json.dumps(refusal.value.as_dict()).encode()


def test_a_text_that_never_ends_is_read_once():
    # a reader that starts again at each escaped quote needs minutes here
    body = b"[" * (MAX_DEPTH + 1) + b'"' + b'\\"' * 500_000

    with pytest.raises(InvalidMessage):
        read_json(body)


def test_exactly_as_deep_and_as_large_as_allowed_is_read():
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    wide = b"[" + b"[]," * 1_000 + b"[]]"
    large = b" " * (MAX_MESSAGE_BYTES - 2) + b"{}"

    assert json.dumps(read_json(deep)).count("[") == MAX_DEPTH
    assert len(read_json(wide)) == 1_001
    assert read_json(large) == {}


def test_one_byte_more_is_too_large():
    with pytest.raises(TooLarge) as refusal:
        read_json(b"12345", maximum_bytes=4)

    assert refusal.value.details() == {"what": "message", "size_bytes": 5, "maximum_bytes": 4}


def test_brackets_in_texts_are_no_depth():
    body = json.dumps({"a": "[" * 1_000, "b": '"[{' * 100}).encode()

    assert read_json(body)["a"] == "[" * 1_000


def test_a_whole_surrogate_pair_is_one_character():
    assert read_json(b'"\\ud83d\\ude00"') == "😀"


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_a_refusal(body: bytes):
    try:
        value = read_json(body)
    except InvalidMessage:
        return

    assert read_json(write_json(value)) == value


@given(st.text(st.sampled_from('[]{}",:\\u0d81e.-+ntfa '), max_size=200))
def test_anything_that_looks_like_json_is_a_value_or_a_refusal(text: str):
    try:
        value = read_json(text.encode())
    except InvalidMessage:
        return

    assert read_json(write_json(value)) == value
