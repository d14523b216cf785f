"""Reading a script's file, and saying where in it something is wrong.

Never what stands there: whoever names a wrong file, on purpose or not, learns nothing of it.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping, Sequence
from json.decoder import JSONDecodeError
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from jidoka.contract.errors import InvalidMessage, ModelUnknown
from jidoka.contract.script import Script

MAX_SCRIPT_BYTES: Final = 4 * 1024 * 1024
Stamp = tuple[int, int, int]
"""Changes when the file does: inode, size in bytes, time of change in ns."""

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_LINE: Final = re.compile(r"line (\d+) column \d+")
_DECODER: Final = json.JSONDecoder()


def stamp_of(path: Path, name: str) -> Stamp:
    """Return the stamp of the script at `path`; raises `ModelUnknown` if none can be there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        raise unknown(name, "there is no such file") from None
    if not stat.S_ISREG(found.st_mode):
        raise unknown(name, "it is no file")
    if found.st_size > MAX_SCRIPT_BYTES:
        raise unknown(name, f"the file is larger than {MAX_SCRIPT_BYTES} bytes")
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_script(path: Path, name: str) -> Script:
    """Return the script at `path`; raises `ModelUnknown` or `InvalidMessage`."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_SCRIPT_BYTES + 1)
        text = body.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise unknown(name, "the file cannot be read as text") from None
    if len(body) > MAX_SCRIPT_BYTES:
        raise unknown(name, f"the file is larger than {MAX_SCRIPT_BYTES} bytes")
    return parse(text, name)


def parse(text: str, name: str) -> Script:
    """Return the script that `text` describes; raises `InvalidMessage` naming every wrong line."""
    try:
        return Script.model_validate_json(text)
    except ValidationError as problem:
        errors = problem.errors(include_url=False, include_input=False, include_context=False)
        found = [_problem(text, name, item) for item in errors]
    raise InvalidMessage(problems=tuple(found))


def unknown(name: str, why: str) -> ModelUnknown:
    """Return the error for a script that cannot be used."""
    return ModelUnknown(name=f"scripted:{name}", why=why)


def _problem(text: str, name: str, item: Mapping[str, Any]) -> dict[str, str]:
    if item["type"] == "json_invalid":
        match = _LINE.search(item["msg"])
        return {"path": f"{name} line {match[1] if match else 1}", "reason": "is not JSON"}
    place: Sequence[str | int] = item["loc"]
    if item["type"] == "extra_forbidden":
        # the name of an unknown field is content of the file; a wrong file may hold anything
        where, reason = _dotted(place[:-1]), "a field here is not known"
    else:
        where, reason = _dotted(place), item["msg"]
    return {"path": f"{name} line {line_of(text, place)}{where}", "reason": reason}


def _dotted(place: Sequence[str | int]) -> str:
    return f": {'.'.join(map(str, place))}" if place else ""


def line_of(text: str, place: Sequence[str | int]) -> int:
    """Return the line (from 1) of the value at `place` in a JSON text, or of what lacks it."""
    try:
        position = _find(text, _skip(text, 0), place)
    except (JSONDecodeError, IndexError, RecursionError):
        position = 0
    return text.count("\n", 0, position) + 1


def _find(text: str, position: int, place: Sequence[str | int]) -> int:
    if not place or text[position] not in "{[":
        return position
    is_object, number, at = text[position] == "{", 0, _skip(text, position + 1)
    while text[at] not in "}]":
        key: str | int = number
        start = at
        if is_object:
            key, end = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, end) + 1)
        if key == place[0]:
            deeper = _find(text, at, place[1:])
            return start if deeper == at else deeper
        at = _skip(text, _DECODER.raw_decode(text, at)[1])
        at = _skip(text, at + 1) if text[at] == "," else at
        number += 1
    return position


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
