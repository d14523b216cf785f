"""`list`: what is in a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from jidoka.core.tooling import EffectClass, ToolContext, ToolOutcome, ToolSpec
from jidoka.tools import schemas
from jidoka.tools.content import readable
from jidoka.tools.pre_state import ChangesNoKnownFile

MAX_ENTRIES = 1_000


class List(ChangesNoKnownFile):
    """Lists a folder."""

    spec = ToolSpec(
        name="list",
        description="List a folder: one name a line, folders with a slash behind.",
        parameters=schemas.arguments(
            {}, {"path": schemas.path("Folder, relative to the project folder; default: itself.")}
        ),
        effect=EffectClass.PURE,
        timeout_s=30,
    )

    async def run(self, args: Mapping[str, Any], context: ToolContext) -> ToolOutcome:
        """Return the names, folders first."""
        fd = context.files.open_folder(args.get("path", "."))
        try:
            with os.scandir(fd) as entries:
                found = [(not entry.is_dir(follow_symlinks=False), entry.name) for entry in entries]
        finally:
            os.close(fd)
        found.sort()
        names = [readable(name) + ("" if is_file else "/") for is_file, name in found[:MAX_ENTRIES]]
        if len(found) > MAX_ENTRIES:
            names.append(f"({len(found) - MAX_ENTRIES} more; narrow it with glob)")
        return ToolOutcome("\n".join(names) or "(the folder is empty)")
