"""The project folder as a turn found it and left it: kept only where a call may change it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from jidoka.contract.content import SnapshotRef
from jidoka.contract.errors import JidokaError
from jidoka.core.state import SessionState

if TYPE_CHECKING:
    from jidoka.sandbox.snapshots import Snapshots

log = logging.getLogger(__name__)

MOST_LEFT_OUT = 20
TIDY_EVERY_TURNS = 20


class TurnFiles:
    """The snapshots of one session's folder; nothing is loaded before the first is taken."""

    def __init__(self, root: str, home: str, session_id: str) -> None:
        """Keep the snapshots of the folder `root` in jidoka's folder `home`."""
        self._root = root
        self._folder = str(Path(home) / "snapshots" / session_id)
        self._snapshots: Snapshots | None = None
        self._tidied_at = 0
        self._hopeless = "" if home else "there is no folder to keep it in"

    @property
    def snapshots(self) -> Snapshots:
        """The snapshots of the folder."""
        if self._snapshots is None:
            from jidoka.sandbox.snapshots import Snapshots  # noqa: PLC0415 - few turns need it

            self._snapshots = Snapshots(self._root, self._folder)
        return self._snapshots

    async def before(self, state: SessionState) -> SnapshotRef | None:
        """Keep the folder before the turn's first call that may change it; None for later ones."""
        if state.turn is None or state.turn.before is not None:
            return None
        return await self._taken()

    async def after(self, state: SessionState) -> SnapshotRef | None:
        """Keep the folder at the end of a turn; None where nothing may have changed it."""
        if state.turn is None or state.turn.before is None:
            return None
        taken = await self._taken()
        if state.totals.turns - self._tidied_at >= TIDY_EVERY_TURNS:
            self._tidied_at = state.totals.turns
            await self._tidy(state, taken)
        return taken

    async def _taken(self) -> SnapshotRef:
        if self._hopeless:
            return SnapshotRef(why=self._hopeless)
        try:
            taken = await self.snapshots.take()
        except (JidokaError, OSError) as problem:
            log.warning("the folder cannot be kept: %s", problem)
            # what is too much or too slow stays so: no later turn waits for it again
            self._hopeless = str(problem)[:300]
            return SnapshotRef(why=self._hopeless)
        return SnapshotRef(tree=taken.tree, left_out=_shown(taken.left_out))

    async def _tidy(self, state: SessionState, newest: SnapshotRef) -> None:
        try:
            await self.snapshots.keep_only([*trees_of(state), newest.tree or ""])
        except (JidokaError, OSError) as problem:
            log.warning("old snapshots are still there: %s", problem)


def trees_of(state: SessionState) -> set[str]:
    """Return all snapshots that something may yet be undone or redone to."""
    turns = [*state.done, *(turn for undone in state.undone for turn in undone.turns)]
    refs = [ref for turn in turns for span in turn.spans for ref in (span.before, span.after)]
    if state.turn is not None and state.turn.before is not None:
        refs.append(state.turn.before)
    trees = {ref.tree for ref in refs if ref.tree}
    return trees | {undone.kept for undone in state.undone if undone.kept}


def _shown(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(printable(path) for path in paths[:MOST_LEFT_OUT])


def printable(path: str) -> str:
    """Return a path as text that JSON can hold, whatever bytes are in its name."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
