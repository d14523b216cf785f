"""`write`: a whole file, new or replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.contract.errors import FileChanged, PathNotFound, TooLarge
from jidoka.core.tooling import EffectClass, FileState, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.content import MAX_FILE_BYTES, digest, load, refuse_stale
from jidoka.tools.pre_state import ChangesItsPath


class Write(ChangesItsPath):
    """Writes a file."""

    spec = ToolSpec(
        name="write",
        description=(
            "Write a whole file; missing folders are made. A file that is there is replaced: read "
            "it first. Use edit to change a part of a file."
        ),
        parameters=schemas.arguments(
            {
                "path": schemas.path("File, relative to the project folder."),
                "content": schemas.text("All that shall be in it.", most=MAX_FILE_BYTES),
            }
        ),
        effect=EffectClass.IDEMPOTENT,
        timeout_s=30,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Write, and say how much."""
        place = context.files.place_to_write(args["path"])
        data: bytes = args["content"].encode()
        if len(data) > MAX_FILE_BYTES:
            what = f"content of {place!r}"
            raise TooLarge(what=what, size_bytes=len(data), maximum_bytes=MAX_FILE_BYTES)
        verb = "Replaced" if _may_replace(context, place) else "Made"
        context.files.replace(place, data)
        context.read_marks[place] = digest(data)
        lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        text = f"{verb} {place}: {lines} lines, {len(data)} bytes."
        return ToolOutcome(text, changed=(FileState(place, digest(data)),))


def _may_replace(context: ToolContext, place: str) -> bool:
    """Tell whether there is a file to replace.

    Raises:
        FileChanged: there is, and this session has not seen it as it is now.
    """
    try:
        data = load(context.files, place)
    except PathNotFound:
        return False
    if context.read_first and place not in context.read_marks:
        raise FileChanged(path=place, expected=None, actual=digest(data)[:12])
    refuse_stale(context, place, data)
    return True
