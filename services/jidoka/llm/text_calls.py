"""Tool calls that a model wrote as text: `<tool_call>` tags, fenced JSON. Pure, for any model."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, cast

MAX_CALLS: Final = 32
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
_FENCED = re.compile(r"```(?:json|tool_call)?[ \t]*\n(.*?)\n?[ \t]*(?:```|\Z)", re.DOTALL)
_NAME_KEYS: Final = ("name", "tool", "function")
_ARGUMENT_KEYS: Final = ("arguments", "parameters", "args", "input")


TextCall = tuple[str, str]
"""The tool's name and the arguments as JSON text."""


def read_text_calls(text: str, known: Collection[str]) -> tuple[str, tuple[TextCall, ...]]:
    """Return the text without its calls, and the calls in their order; at most 32.

    Only what names a tool in `known` is a call: any other JSON is part of the answer.
    """
    calls: list[TextCall] = []
    left: list[str] = []
    at = 0
    for start, end, body in _candidates(text):
        found = list(_calls_in(body, known))
        if not found or start < at:
            continue
        calls += found
        left.append(text[at:start])
        at = end
    if not calls:
        return text, ()
    left.append(text[at:])
    return "".join(left).strip(), tuple(calls[:MAX_CALLS])


def _candidates(text: str) -> list[tuple[int, int, str]]:
    """Return where calls may be, in their order: start, end, body."""
    matches = [*_TAGGED.finditer(text), *_FENCED.finditer(text)]
    found = [(match.start(), match.end(), match[1]) for match in matches]
    whole = text.strip()
    if not found and whole.startswith(("{", "[")):
        found = [(0, len(text), whole)]
    return sorted(found)


def _calls_in(body: str, known: Collection[str]) -> Iterator[TextCall]:
    """Yield the calls of a JSON text: one object, a list of them, or one object a line."""
    for value in _values(body):
        items = cast("list[object]", value) if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, dict):
                call = _call(cast("dict[str, Any]", item), known)
                if call is not None:
                    yield call


def _values(body: str) -> Iterator[object]:
    decoder, at = json.JSONDecoder(parse_constant=_refuse), 0
    while at < len(body):
        try:
            value, at = decoder.raw_decode(body, at)
        except (ValueError, RecursionError):
            return
        yield value
        while at < len(body) and body[at] in " \t\r\n,;":
            at += 1


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON number")


def _call(item: dict[str, Any], known: Collection[str]) -> TextCall | None:
    if isinstance(item.get("function"), dict):
        item = cast("dict[str, Any]", item["function"])
    name_key = next(
        (key for key in _NAME_KEYS if isinstance(item.get(key), str) and item[key] in known), None
    )
    if name_key is None:
        return None
    arguments_key = next((key for key in _ARGUMENT_KEYS if key in item), None)
    raw: object = item[arguments_key] if arguments_key else _rest(item, name_key)
    if isinstance(raw, str):  # arguments as JSON text, as in OpenAI's own format
        try:
            raw = json.loads(raw, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None
    if not isinstance(raw, dict):
        return None
    return item[name_key], json.dumps(raw)


def _rest(item: Mapping[str, Any], name_key: str) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in {name_key, "thought"}}
