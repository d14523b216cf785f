"""Reading JSON that strangers wrote: bounded in size and depth, without surprises."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from jidoka.contract.errors import InvalidMessage, TooLarge

MAX_MESSAGE_BYTES = 1024 * 1024
MAX_DEPTH = 64
_SURROGATE = re.compile("[\ud800-\udfff]")
# possessive, with the closing quote optional: a string that never ends is read once, not again
# from each of its escaped quotes
_OPENERS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_MAX_DIGITS = 19


def read_json(body: bytes, *, maximum_bytes: int = MAX_MESSAGE_BYTES) -> Any:
    """Return the value of a JSON text from an untrusted sender.

    Raises:
        TooLarge: more than `maximum_bytes`.
        InvalidMessage: not UTF-8, not JSON, nested deeper than 64, a key twice, NaN or infinite
            numbers, integers of more than 19 digits, lone surrogates.
    """
    if len(body) > maximum_bytes:
        raise TooLarge(what="message", size_bytes=len(body), maximum_bytes=maximum_bytes)
    _check_depth(body)
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_small_int,
            parse_float=_finite,
        )
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise InvalidMessage.of("", f"not readable as JSON: {problem}") from None
    if b"\\ud" in body.lower():
        _refuse_surrogates(value)
    return value


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _OPENERS.finditer(body):
        token = match.group()
        depth += token in (b"[", b"{")
        depth -= token in (b"]", b"}")
        if depth > MAX_DEPTH:
            raise InvalidMessage.of("", f"nested deeper than {MAX_DEPTH}")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _small_int(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_DIGITS:
        raise ValueError("an integer has too many digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is out of range")
    return value


def _refuse_surrogates(value: Any) -> None:
    if _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise InvalidMessage.of("", "a text holds half of a surrogate pair")


def write_json(value: Any) -> bytes:
    """Return the compact UTF-8 JSON of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def is_object_text(text: str) -> bool:
    """Tell whether `text` is the JSON of an object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
