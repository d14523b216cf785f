"""The registry in memory: the twin of the SQLite one, for tests and for looking ahead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jidoka.core.extracts import TextRow, erases, searched_in
from jidoka.core.ports import Entry
from jidoka.core.projection import project
from jidoka.core.registry import SessionQuery, newest
from jidoka.core.session_row import SessionRow
from jidoka.store.search import MAX_WORDS, matches, words_of


class MemoryRegistry:
    """The registry in dictionaries; it is gone with its process."""

    def __init__(self) -> None:
        self._rows: dict[str, SessionRow] = {}
        self._texts: dict[tuple[str, str, str], TextRow] = {}
        self._position = 0

    async def position(self) -> int:
        """Return the stream sequence of the last event that was applied, 0 for none."""
        return self._position

    async def apply(self, entries: Sequence[Entry], after: int) -> int:
        """Apply the events that follow `after`; return the position after it."""
        if self._position < after:
            return self._position
        for entry in entries:
            if entry.head.cursor > self._position:
                self._apply(entry)
        return self._position

    async def get(self, session_id: str) -> SessionRow | None:
        """Return what is known of a session, None when it is not."""
        return self._rows.get(session_id)

    async def find(self, query: SessionQuery) -> tuple[SessionRow, ...]:
        """Return the sessions of a query, newest first."""
        rows = self._rows.values()
        if query.text is None:
            return newest(rows, query)
        wanted = self._with_words(query.text)
        return newest((row for row in rows if row.session_id in wanted), query)

    async def reset(self, keep: Iterable[SessionRow] = ()) -> None:
        """Forget everything but the rows to `keep`."""
        self._rows, self._texts, self._position = {}, {}, 0
        self._rows.update((row.session_id, row) for row in keep)

    def _apply(self, entry: Entry) -> None:
        session_id = entry.envelope.subject or ""
        self._rows[session_id] = project(self._rows.get(session_id), entry)
        self._position = entry.head.cursor
        if erases(entry):
            del self._rows[session_id]
            self._texts = {key: text for key, text in self._texts.items() if key[0] != session_id}
        found = searched_in(entry)
        if found is not None:
            self._texts[found.session_id, found.kind, found.ref] = found

    def _with_words(self, text: str) -> set[str]:
        words = words_of(text)[:MAX_WORDS]
        if not words:
            return set()
        return {found.session_id for found in self._texts.values() if matches(found.text, words)}
