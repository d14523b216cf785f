"""`write`: a whole file, new or replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jidoka.contract.errors import PathNotFound, TooLarge
from jidoka.core.tooling import EffectClass, FileState, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.content import MAX_FILE_BYTES, digest, load, refuse_stale
from jidoka.tools.pre_state import ChangesItsPath


class Write(ChangesItsPath):
    """Writes a file."""

    spec = ToolSpec(
        name="write",
        description=(
            "Write a whole file, replacing what was in it. Missing folders are made. "
            "Use edit to change a part of a file."
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
        place = context.files.place(args["path"])
        data: bytes = args["content"].encode()
        if len(data) > MAX_FILE_BYTES:
            what = f"content of {place!r}"
            raise TooLarge(what=what, size_bytes=len(data), maximum_bytes=MAX_FILE_BYTES)
        try:
            refuse_stale(context, place, load(context.files, place))
            verb = "Replaced"
        except PathNotFound:
            verb = "Made"
        context.files.replace(place, data)
        context.read_marks[place] = digest(data)
        lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        text = f"{verb} {place}: {lines} lines, {len(data)} bytes."
        return ToolOutcome(text, changed=(FileState(place, digest(data)),))
