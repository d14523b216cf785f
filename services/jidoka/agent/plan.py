"""What a file tool is going to do, found out by letting it run on files that take no writes.

With the hashes before and after stored in `tool.started`, whoever finds the call without an end
can tell by looking whether it happened. A plan that fails fails the call before anything begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jidoka.core.tooling import EffectClass, FileState, ProjectFiles, Tool, ToolContext


@dataclass(slots=True)
class PlannedFiles:
    """The project's files as a tool would leave them; nothing is written."""

    real: ProjectFiles
    written: dict[str, str | None] = field(default_factory=dict)
    """Path → sha-256 after; None: removed."""
    contents: dict[str, bytes | None] = field(default_factory=dict)
    """The same with what would be in them."""

    def place(self, path: str) -> str:
        """Return `path` relative to the root."""
        return self.real.place(path)

    def place_to_write(self, path: str) -> str:
        """Return `path` relative to the root; refuse what no tool writes."""
        return self.real.place_to_write(path)

    def open_file(self, path: str) -> int:
        """Return a descriptor for reading the file as it is."""
        return self.real.open_file(path)

    def open_folder(self, path: str) -> int:
        """Return a descriptor for listing the folder as it is."""
        return self.real.open_folder(path)

    def replace(self, path: str, data: bytes) -> None:
        """Note what would be written."""
        place = self.real.place_to_write(path)
        self.written[place] = hashlib.sha256(data).hexdigest()
        self.contents[place] = data

    def remove(self, path: str) -> None:
        """Note what would be removed."""
        place = self.real.place_to_write(path)
        self.written[place] = self.contents[place] = None


async def planned(
    tool: Tool, args: Mapping[str, Any], context: ToolContext
) -> tuple[FileState, ...]:
    """Return the files that a call is going to write, as it will leave them; none for others.

    Raises:
        Refused, Failed: what the call itself would raise.
    """
    files = await plan_of(tool, args, context)
    return tuple(FileState(path, digest) for path, digest in files.written.items())


async def plan_of(tool: Tool, args: Mapping[str, Any], context: ToolContext) -> PlannedFiles:
    """Return the project's files as a call would leave them.

    Raises:
        Refused, Failed: what the call itself would raise.
    """
    files = PlannedFiles(context.files)
    if tool.spec.effect is EffectClass.IDEMPOTENT:
        marks = dict(context.read_marks)
        await tool.run(args, replace(context, files=files, read_marks=marks, on_output=_unseen))
    return files


def _unseen(_text: str) -> None:
    """Nobody watches."""
