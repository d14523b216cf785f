"""All sessions as the leader knows them: one fold of all logs, and the way to add to one.

Every decision is made from a row, and recorded under the condition that the log is still where
the row says. Who finds the log further on folds what is new and decides again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from jidoka.contract.errors import SessionNotFound, StaleSequence, TimedOut, Unavailable
from jidoka.contract.events import Event
from jidoka.core.ports import Draft, Entry, Head
from jidoka.core.projection import project
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.ports import Logs

MOST_TRIES = 50
"""How often a decision is made again when others keep being faster."""
SAME_ID_TRIES = 3

Watcher = Callable[[SessionRow], None]
Decision = Callable[[SessionRow], Event | None]


class Sessions:
    """The rows of all sessions that have not ended."""

    def __init__(
        self,
        log: Logs,
        source: str,
        new_id: Callable[[], str],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """`leads` says whether we surely lead at this moment: else nothing is recorded."""
        self.rows: dict[str, SessionRow] = {}
        self.cursor = 0
        """Stream sequence of the newest event that is folded."""
        self.born_here: set[str] = set()
        """Sessions that were recorded first by us, and have no worker yet."""
        self._followed = 0
        self._log = log
        self._source = source
        self._new_id = new_id
        self._leads = leads
        self._watchers: list[Watcher] = []
        self._changed: dict[str, asyncio.Event] = {}

    def load(self, rows: Iterable[SessionRow], cursor: int) -> None:
        """Begin with what the registry knows of the log up to `cursor`."""
        self.rows = {row.session_id: row for row in rows if not row.ended}
        self.cursor = self._followed = cursor

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` called with every row that changed."""
        self._watchers.append(watcher)

    def row(self, session_id: str) -> SessionRow:
        """Return what is known of a session.

        Raises:
            SessionNotFound: there is none that has not ended.
        """
        if (row := self.rows.get(session_id)) is None or row.ended:
            raise SessionNotFound(asked=session_id)
        return row

    def follow(self, session_id: str, entry: Entry) -> None:
        """Fold the next entry of the stream; one that comes a second time is passed by."""
        if entry.head.cursor <= self._followed:
            return
        self._followed = entry.head.cursor
        self._absorb(session_id, entry)
        row = self.rows.get(session_id)
        if row is not None and row.ended and row.cursor <= self._followed:
            del self.rows[session_id]  # nothing of it is to come

    def _absorb(self, session_id: str, entry: Entry) -> None:
        self.cursor = max(self.cursor, entry.head.cursor)
        before = self.rows.get(session_id)
        if before is None and entry.sequence != 1:
            return  # of a session that has ended
        if (row := project(before, entry)) == before:
            return
        self.rows[session_id] = row
        if changed := self._changed.pop(session_id, None):
            changed.set()
        for watcher in self._watchers:
            watcher(row)

    async def until(
        self, session_id: str, done: Callable[[SessionRow], bool], timeout_s: float
    ) -> SessionRow | None:
        """Return the row as soon as `done` says so of it, None when the session has ended.

        Raises:
            TimedOut: not within `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not ((row := self.rows.get(session_id)) is None or row.ended or done(row)):
                    await self._changed.setdefault(session_id, asyncio.Event()).wait()
                return row
        except TimeoutError:
            raise TimedOut(after_s=timeout_s) from None

    async def create(self, session_id: str, event: Event, causation_id: str | None) -> SessionRow:
        """Record the first event of a session, or find that it is there.

        Raises:
            SessionNotFound: it was there, and was deleted.
            Unavailable, TimedOut, StorageFull: it is not known to be recorded.
        """
        draft = self._draft(event, causation_id)
        self.born_here.add(session_id)
        try:
            entries = await self._append(session_id, draft, Head())
        except StaleSequence as there:
            self.born_here.discard(session_id)
            entries = there.tail
        self._absorb_all(session_id, entries)
        if (row := self.rows.get(session_id)) is None:
            raise SessionNotFound(asked=session_id)  # it was deleted
        return row

    async def record(
        self, session_id: str, decide: Decision, causation_id: str | None = None
    ) -> SessionRow:
        """Record what `decide` makes of the row, decided again when the log has moved on.

        Returns the row afterwards; `decide` returning None means that nothing is to be recorded.

        Raises:
            SessionNotFound: it has ended. Unavailable, TimedOut, StorageFull: as of the log.
        """
        for _ in range(MOST_TRIES):
            row = self.row(session_id)
            if (event := decide(row)) is None:
                return row
            try:
                entries = await self._append(session_id, self._draft(event, causation_id), row.head)
            except StaleSequence as moved_on:
                self._absorb_all(session_id, moved_on.tail)
                continue
            self._absorb_all(session_id, entries)
            return self.rows.get(session_id) or project(row, entries[0])
        raise Unavailable(part=f"the log of {session_id}", why="others keep writing to it")

    async def end(
        self, session_id: str, event: Event, after: Head, causation_id: str | None
    ) -> Entry:
        """Record the last event of a session, which may have ended, right after `after`.

        Raises:
            StaleSequence: the log has moved on. Unavailable, TimedOut, StorageFull: as of the log.
        """
        entries = await self._append(session_id, self._draft(event, causation_id), after)
        self._absorb_all(session_id, entries)
        return entries[0]

    async def _append(self, session_id: str, draft: Draft, expected: Head) -> tuple[Entry, ...]:
        for _ in range(SAME_ID_TRIES - 1):
            try:
                return await self._tried(session_id, draft, expected)
            except TimedOut:
                continue  # unknown: the same id again is recorded once
        return await self._tried(session_id, draft, expected)

    async def _tried(self, session_id: str, draft: Draft, expected: Head) -> tuple[Entry, ...]:
        if not self._leads():
            raise Unavailable(part="session-manager", why="another one leads now")
        return await self._log.append(session_id, draft, expected)

    def _absorb_all(self, session_id: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._absorb(session_id, entry)

    def _draft(self, event: Event, causation_id: str | None) -> Draft:
        return Draft(event, self._new_id(), self._source, causation_id=causation_id)
