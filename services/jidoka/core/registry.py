"""The registry as the session-manager needs it: a port, its questions and its answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from jidoka.contract.content import Status
from jidoka.core.ports import Entry
from jidoka.core.session_row import SessionRow


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Which sessions to list, newest first."""

    statuses: tuple[str, ...] | None = None
    """None: all that are not terminated."""
    project: str | None = None
    """The real path of a folder."""
    text: str | None = None
    """Words that all begin some word of one message, answer, title or name."""
    limit: int = 100
    before: int | None = None
    """Only sessions whose `first_cursor` is smaller: the page after that one."""


def fits(row: SessionRow, query: SessionQuery) -> bool:
    """Tell whether a row is one of a query's, all but its text, which only a registry can tell."""
    if query.before is not None and row.first_cursor >= query.before:
        return False
    if query.project is not None and query.project not in (row.project_path, row.worktree_of):
        return False
    if query.statuses is None:
        return row.status != Status.TERMINATED.value
    return row.status in query.statuses


def newest(rows: Iterable[SessionRow], query: SessionQuery) -> tuple[SessionRow, ...]:
    """Return the rows that fit a query, newest first, as many as it wants."""
    found = [row for row in rows if fits(row, query)]
    return tuple(sorted(found, key=lambda row: -row.first_cursor)[: query.limit])


class Registry(Protocol):
    """What is known of all sessions: a projection of the log, which can be rebuilt from it."""

    async def position(self) -> int:
        """Return the stream sequence of the last event that was applied, 0 for none."""
        ...

    async def apply(self, entries: Sequence[Entry], after: int) -> int:
        """Apply the events that follow `after` in one transaction; return the position reached.

        Events that were applied before are passed by. A position below `after` means that the
        registry has less than the caller thinks (a damaged file was put aside, or deleted):
        nothing was applied, and all events after that position are wanted.

        Raises:
            StorageNotWritable, StorageFull, Unavailable: nothing of the batch was applied.
        """
        ...

    async def get(self, session_id: str) -> SessionRow | None:
        """Return what is known of a session, None when it is not."""
        ...

    async def find(self, query: SessionQuery) -> tuple[SessionRow, ...]:
        """Return the sessions of a query, newest first."""
        ...

    async def reset(self, keep: Iterable[SessionRow] = ()) -> None:
        """Forget everything but the rows to `keep`: what comes next is a rebuild."""
        ...
