"""`edit`: one exact piece of a file replaced by another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.contract.errors import EditNoMatch, ToolArgsInvalid, ToolFailed
from jidoka.core.tooling import MIB, EffectClass, FileState, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.content import (
    as_bytes,
    as_text,
    digest,
    is_binary,
    load,
    readable,
    refuse_stale,
)
from jidoka.tools.pre_state import ChangesItsPath

_AROUND = 3
_MAX_SHOWN_LINES = 40
_MAX_SHOWN_CHARACTERS = 400


class Edit(ChangesItsPath):
    """Replaces a piece of a file."""

    spec = ToolSpec(
        name="edit",
        description=(
            "Replace one piece of a file. `old` must be in the file exactly once, character for "
            "character, without line numbers; take more lines around it to make it unique."
        ),
        parameters=schemas.arguments(
            {
                "path": schemas.path("File, relative to the project folder."),
                "old": schemas.text("The piece as it is now.", least=1, most=MIB),
                "new": schemas.text("What shall stand there instead.", most=MIB),
            },
            {"replace_all": schemas.flag("Replace every place where `old` stands.")},
        ),
        effect=EffectClass.IDEMPOTENT,
        timeout_s=30,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Replace, and show the lines around it as they are now."""
        place = context.files.place_to_write(args["path"])
        before = load(context.files, place)
        if is_binary(before):
            raise ToolFailed(reason=f"{place} is a binary file")
        refuse_stale(context, place, before)
        text, at = replaced(
            as_text(before),
            args["old"],
            args["new"],
            path=place,
            everywhere=args.get("replace_all", False),
        )
        after = as_bytes(text)
        context.files.replace(place, after)
        context.read_marks[place] = digest(after)
        shown = surroundings(text, at, args["new"])
        return ToolOutcome(f"Edited {place}:\n{shown}", changed=(FileState(place, digest(after)),))


def replaced(text: str, old: str, new: str, *, path: str, everywhere: bool) -> tuple[str, int]:
    """Return the text after the edit, and where in it the (first) new piece begins.

    Raises:
        ToolArgsInvalid: `old` and `new` are the same.
        EditNoMatch: `old` is not there, or more than once and not everywhere is meant.
    """
    if old == new:
        raise ToolArgsInvalid(tool="edit", problems=("new: is the same as old",))
    old, new = _with_line_ends_of(text, old, new)
    matches = text.count(old)
    if matches == 0 or (matches > 1 and not everywhere):
        raise EditNoMatch(path=path, matches=matches)
    return text.replace(old, new), text.index(old)


def _with_line_ends_of(text: str, old: str, new: str) -> tuple[str, str]:
    """Return the pieces with the file's line ends: `read` shows a file without its CR."""
    if "\r\n" not in text or "\r\n" in old or old in text:
        return old, new
    return old.replace("\n", "\r\n"), new.replace("\r\n", "\n").replace("\n", "\r\n")


def surroundings(text: str, at: int, new: str) -> str:
    """Return the numbered lines around the new piece."""
    first = text.count("\n", 0, at)
    last = first + new.count("\n")
    lines = text.replace("\r\n", "\n").split("\n")
    start, end = max(0, first - _AROUND), min(len(lines), last + _AROUND + 1)
    shown = [
        f"{number:>6}\t{readable(line)[:_MAX_SHOWN_CHARACTERS]}"
        for number, line in enumerate(lines[start:end], start=start + 1)
    ]
    if len(shown) > _MAX_SHOWN_LINES:
        half = _MAX_SHOWN_LINES // 2
        shown = [*shown[:half], "     …", *shown[-half:]]
    return "\n".join(shown)
