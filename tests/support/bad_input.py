"""Commands that are wrong in one place, made from the hand-written examples, which are right."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2] / "schemas"
UNKNOWN = "s" + "0" * 24
"""A session that nobody has."""
BAD_IDS = ("../x", "A b", "s*", ">", "", "x" * 65, "s\x00", "ü")
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"mend it, please",
    "half of a JSON": b'{"specversion": "1.0", "id": "a',
    "a list": b"[]",
    "null": b"null",
    "a number": b"7",
    "no CloudEvent": b'{"hello": "world"}',
    "deeply nested": b"[" * 100_000,
    "deep data": b'{"data":' * 5_000 + b"1" + b"}" * 5_000,
    "a number of 5,000 digits": b'{"data": ' + b"9" * 5_000 + b"}",
    "no finite number": b'{"data": NaN}',
    "half a character": b'{"id": "\\ud800"}',
    "bytes that are no text": b"\xff\xfe\x00",
    "two megabytes": b'{"data": "' + b"x" * 2_000_000 + b'"}',
}
"""What is no command at all."""
_WRONG: dict[type, Any] = {
    str: {"no": "text"},
    bool: "perhaps",
    int: "many",
    float: "much",
    list: 7,
    dict: "no object",
}
Wrong = tuple[str, dict[str, Any]]


def commands() -> list[str]:
    """Return the names of all public commands."""
    return sorted(path.name.removesuffix(".v1.json") for path in (ROOT / "commands").glob("*.json"))


def example_of(name: str, session_id: str) -> dict[str, Any]:
    """Return the example of a command, new, and about this session."""
    file = ROOT / "examples" / "commands" / f"{name}.v1.json"
    text = file.read_text()
    envelope = json.loads(text)
    old = envelope.get("data", {}).get("session_id")
    if old:
        envelope = json.loads(text.replace(old, session_id))
    return envelope | {"id": str(uuid.uuid4())}


def wrong_ones(name: str, session_id: str) -> Iterator[Wrong]:
    """Yield a command with each of its parts wrong in turn, and what is wrong."""
    right = example_of(name, session_id)
    schema = json.loads((ROOT / "commands" / f"{name}.v1.json").read_text())
    for field in ("id", "source", "type", "specversion"):
        yield f"without {field}", {k: v for k, v in right.items() if k != field}
    yield "another version of CloudEvents", right | {"specversion": "7.0"}
    yield "a version that nobody knows", right | {"type": f"jido.{name}.v99"}
    yield "another command's type", right | {"type": "jido.nothing.happen.v1"}
    yield "a source that is no text", right | {"source": 7}
    for what, data in (("no", None), ("a list as", []), ("a text as", "x")):
        yield f"{what} data", right | {"data": data}
    for field in schema.get("required", ()):
        yield f"data without {field}", _with(right, field, missing=True)
    for field, value in right["data"].items():
        yield f"{field} of a wrong type", _with(right, field, _WRONG[type(value)])
    if "session_id" in right["data"]:
        yield "a session that is not there", _about(right, UNKNOWN)
        for bad in BAD_IDS:
            yield f"the session {bad[:5]!r}", _about(right, bad)


def _with(right: dict[str, Any], field: str, value: Any = None, *, missing: bool = False) -> Any:
    wrong: dict[str, Any] = copy.deepcopy(right) | {"id": str(uuid.uuid4())}
    if missing:
        wrong["data"].pop(field, None)
        if field == "session_id":
            wrong.pop("subject", None)  # the envelope may name it too
    else:
        wrong["data"][field] = value
    return wrong


def _about(right: dict[str, Any], session_id: str) -> dict[str, Any]:
    wrong = _with(right, "session_id", session_id)
    wrong.pop("subject", None)
    return wrong
