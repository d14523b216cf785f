"""`read`: a text file with line numbers, as much as one answer holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.contract.redaction import Redactor
from jidoka.core.tooling import (
    INLINE_BYTES,
    EffectClass,
    ToolContext,
    ToolOutcome,
    ToolSpec,
)
from jidoka.tools import schemas
from jidoka.tools.content import as_text, digest, is_binary, load, readable
from jidoka.tools.pre_state import ChangesNoKnownFile

MAX_LINES = 2_000
MAX_LINE_CHARACTERS = 2_000
_ROOM_BYTES = INLINE_BYTES - 256
_MOST = 1_000_000_000


class Read(ChangesNoKnownFile):
    """Shows a file."""

    spec = ToolSpec(
        name="read",
        description=(
            "Read a text file. Each line comes as its number, a tab, the line. "
            f"At most {MAX_LINES} lines at once: go on with offset."
        ),
        parameters=schemas.arguments(
            {"path": schemas.path("File, relative to the project folder.")},
            {
                "offset": schemas.number("First line to show, from 1.", least=1, most=_MOST),
                "limit": schemas.number("How many lines.", least=1, most=MAX_LINES),
            },
        ),
        effect=EffectClass.PURE,
        timeout_s=30,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the lines, and where to go on when there are more."""
        place = context.files.place(args["path"])
        data = load(context.files, place)
        context.read_marks[place] = digest(data)
        if is_binary(data):
            return ToolOutcome(f"({place} is a binary file of {len(data)} bytes; it is not shown)")
        if not data:
            return ToolOutcome(f"({place} is empty)")
        text = _without_keys(as_text(data), context.redactor).replace("\r\n", "\n")
        lines = text.removesuffix("\n").split("\n")
        return ToolOutcome(_page(lines, args.get("offset", 1), args.get("limit", MAX_LINES)))


def _without_keys(text: str, redactor: Redactor) -> str:
    """Return a file's text without private keys: nobody could tell one from lines of its middle.

    The lines after it keep their numbers.
    """
    if "PRIVATE KEY" not in text:
        return text
    for stands, values in redactor.secrets_of(text).items():
        for value in values:
            if "\n" in value:
                text = text.replace(value, stands + "\n" * value.count("\n"))
    return text


def _page(lines: list[str], offset: int, limit: int) -> str:
    if offset > len(lines):
        return f"(the file has only {len(lines)} lines)"
    shown: list[str] = []
    room = _ROOM_BYTES
    for number, line in enumerate(lines[offset - 1 : offset - 1 + limit], start=offset):
        text = f"{number:>6}\t{_cut(readable(line))}"
        room -= len(text.encode()) + 1
        if room < 0:
            break
        shown.append(text)
    after = offset + len(shown)
    if after <= len(lines):
        shown.append(f"({len(lines)} lines; go on with offset {after})")
    return "\n".join(shown)


def _cut(line: str) -> str:
    more = len(line) - MAX_LINE_CHARACTERS
    return line if more <= 0 else f"{line[:MAX_LINE_CHARACTERS]}… ({more} more characters)"
