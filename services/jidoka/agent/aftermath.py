"""What is known of a call whose worker was lost: what it showed, which files changed since."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from jidoka.core.state import OpenCall

MOST_CHARACTERS = 4_000
MOST_FILES = 20
_MOST_ENTRIES = 20_000
_PATIENCE_S = 3.0
_SKIPPED = frozenset({".git", "node_modules", ".venv", "__pycache__"})


class ShownOutput(Protocol):
    """What was shown of calls while they ran, for as long as it is kept."""

    async def output_of(self, session_id: str, call_id: str) -> str:
        """Return the output of a call, as far as it was shown; empty where nothing is known."""
        ...


@dataclass(slots=True)
class Aftermath:
    """Finds out about the interrupted calls of one session."""

    shown: ShownOutput
    session_id: str
    root: str

    async def of(self, call: OpenCall) -> str:
        """Return what is known, as sentences for the model; empty where nothing is."""
        if call.started_at is None:
            return ""
        parts: list[str] = []
        output = await self._output(call)
        if output:
            parts.append(f"Its output so far:\n{output[-MOST_CHARACTERS:]}")
        files = await asyncio.to_thread(_changed_since, self.root, call.started_at)
        if files:
            more = " and more" if len(files) > MOST_FILES else ""
            parts.append(f"Files changed since it began: {', '.join(files[:MOST_FILES])}{more}.")
        return "\n".join(parts)

    async def _output(self, call: OpenCall) -> str:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self.shown.output_of(self.session_id, call.call_id)
        except TimeoutError:
            return ""


def _changed_since(root: str, since: datetime) -> list[str]:
    """Return files that were written after `since`, at most one more than are named."""
    found: list[str] = []
    for looked_at, (path, written_s) in enumerate(_files(root)):
        if written_s >= since.timestamp():
            found.append(path)
        if len(found) > MOST_FILES or looked_at > _MOST_ENTRIES:
            break
    return sorted(found)


def _files(root: str) -> Iterator[tuple[str, float]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in names:
            path = Path(folder, name)
            try:
                yield str(path.relative_to(root)), path.lstat().st_mtime
            except OSError:
                continue
