"""The files that a fork begins with: those of its past, in a folder of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jidoka.contract.content import SnapshotRef
from jidoka.contract.errors import SnapshotMissing, ToolFailed, ToolTimeout
from jidoka.core.session_row import SessionRow
from jidoka.sandbox.snapshots import Snapshots

ELSEWHERE: Final = "they are not on this machine, or too old"


@dataclass(frozen=True, slots=True)
class ForkFiles:
    """Fills the folder of one fork."""

    home: Path
    source: SessionRow
    ref: SnapshotRef | None
    """The files of then; None: the session has changed none, they are as they are now."""
    session_id: str
    """Of the fork."""

    async def fill(self, folder: str) -> None:
        """Put the files there; a person's folder with something in it stays as it is.

        Raises:
            SnapshotMissing: they are not kept.
        """
        own = self.home / "snapshots" / self.session_id
        is_ours = Path(folder).is_relative_to((self.home / "worktrees").resolve())
        begun = own.exists()  # by a try that was cut off: the folder was empty then
        if not is_ours and not begun and await asyncio.to_thread(_has_files, folder):
            return
        target = Snapshots(folder, str(own))
        try:
            others, tree = await self._kept()
            left = await target.fill_from(others, tree)
        except (ToolFailed, ToolTimeout, OSError) as problem:
            why = ELSEWHERE if self.ref is not None else str(problem)[:300]
            raise SnapshotMissing(turn_id=self.source.session_id, why=why) from None
        if left:
            why = f"{len(left)} files could not be written"
            raise SnapshotMissing(turn_id=self.source.session_id, why=why)

    async def _kept(self) -> tuple[Snapshots, str]:
        """Return the snapshots that have the files, and which one it is."""
        if self.ref is None:
            folder = self.home / "snapshots" / self.session_id
            others = Snapshots(self.source.project_path, str(folder))
            return others, (await others.take()).tree
        if self.ref.tree is None:
            raise SnapshotMissing(turn_id=self.source.session_id, why=self.ref.why)
        folder = self.home / "snapshots" / self.source.session_id
        return Snapshots(self.source.project_path, str(folder)), self.ref.tree


def _has_files(folder: str) -> bool:
    with suppress(OSError):
        return any(Path(folder).iterdir())
    return True
