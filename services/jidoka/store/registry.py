"""The registry in SQLite: a projection of the log, one thread, one connection.

Every call runs in the registry's own thread: another process that holds the file's lock stops
that thread, never the event loop. A batch of events and the position they reach are one
transaction, so the file is always a true picture of some moment of the log.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from jidoka.core.extracts import TextRow, erases, searched_in, usage_of
from jidoka.core.ports import Entry
from jidoka.core.projection import project
from jidoka.core.registry import SessionQuery
from jidoka.core.session_row import SessionRow
from jidoka.store import database
from jidoka.store.rows import from_columns, to_columns
from jidoka.store.search import match_expression

Result = TypeVar("Result")


class SqliteRegistry:
    """The registry in one file; `open` it, and `close` it at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="registry")
        self._db: Database | None = None
        self._inode = 0

    @classmethod
    async def open(cls, path: Path) -> SqliteRegistry:
        """Return the registry at `path`; what cannot be read is put aside and begins anew.

        Raises:
            StorageNotWritable, StorageFull, UnsupportedVersion, Unavailable: it cannot be used.
        """
        registry = cls(path)
        try:
            await registry._run(lambda _: None)
        except BaseException:
            await registry.close()
            raise
        return registry

    async def close(self) -> None:
        """Close the file, after what is being written."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def position(self) -> int:
        """Return the stream sequence of the last event that was applied, 0 for none."""
        return await self._run(_position)

    async def apply(self, entries: Sequence[Entry], after: int) -> int:
        """Apply the events that follow `after` in one transaction; return the position after it."""
        return await self._run(lambda db: _apply(db, entries, after))

    async def get(self, session_id: str) -> SessionRow | None:
        """Return what is known of a session, None when it is not."""
        return await self._run(lambda db: _get(db, session_id))

    async def find(self, query: SessionQuery) -> tuple[SessionRow, ...]:
        """Return the sessions of a query, newest first."""
        return await self._run(lambda db: _find(db, query))

    async def reset(self, keep: Iterable[SessionRow] = ()) -> None:
        """Delete the file and begin one that has nothing but the rows to `keep`."""

        def renew() -> None:
            self._close()
            database.remove(self._path)

        await asyncio.get_running_loop().run_in_executor(self._thread, renew)
        await self._run(lambda db: _put(db, keep))

    async def _run(self, work: Callable[[Database], Result]) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[Database], Result]) -> Result:
        try:
            return work(self._open())
        except sqlite3.Error as problem:
            if not database.is_damage(problem):
                raise database.error_of(problem, self._path) from None
        # the position of the new file tells the caller that everything is wanted again
        self._close()
        database.put_aside(self._path)
        return work(self._open())

    def _open(self) -> Database:
        if self._db is not None and self._inode == _inode(self._path):
            return self._db
        self._close()  # never opened, or somebody deleted the file
        self._db = database.open_database(self._path)
        self._inode = _inode(self._path)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _position(db: Database) -> int:
    return database.meta(db, "position")


def _get(db: Database, session_id: str) -> SessionRow | None:
    return _known(db, [session_id]).get(session_id)


def _known(db: Database, session_ids: Iterable[str]) -> dict[str, SessionRow]:
    ids = json.dumps(list(session_ids))
    rows = map(from_columns, database.rows_of(db, "get_sessions", {"ids": ids}))
    return {row.session_id: row for row in rows}


def _find(db: Database, query: SessionQuery) -> tuple[SessionRow, ...]:
    match = None if query.text is None else match_expression(query.text)
    if query.text is not None and match is None:
        return ()
    values = {
        "statuses": None if query.statuses is None else json.dumps(query.statuses),
        "project": query.project,
        "before": query.before,
        "match": match,
        "limit": query.limit,
    }
    return tuple(from_columns(columns) for columns in database.rows_of(db, "find", values))


def _apply(db: Database, entries: Sequence[Entry], after: int) -> int:
    position = _position(db)
    fresh = [entry for entry in entries if entry.head.cursor > position]
    if position < after or not fresh:
        return position  # a gap is never applied: the caller sees where to go on from
    with database.writing(db):
        rows = _projected(db, fresh)
        database.write_all(db, "put_session", map(to_columns, rows))
        used = [asdict(spent) for spent in map(usage_of, fresh) if spent is not None]
        database.write_all(db, "add_usage", used)
        _write_texts(db, [text for text in map(searched_in, fresh) if text is not None])
        gone = [{"session_id": entry.envelope.subject} for entry in fresh if erases(entry)]
        for statement in ("forget_session", "forget_usage", "forget_text"):
            database.write_all(db, statement, gone)
        database.set_meta(db, "position", fresh[-1].head.cursor)
    return fresh[-1].head.cursor


def _put(db: Database, rows: Iterable[SessionRow]) -> None:
    with database.writing(db):
        database.write_all(db, "put_session", map(to_columns, rows))


def _projected(db: Database, entries: Sequence[Entry]) -> Iterable[SessionRow]:
    rows = _known(db, {entry.envelope.subject or "" for entry in entries})
    for entry in entries:
        session_id = entry.envelope.subject or ""
        rows[session_id] = project(rows.get(session_id), entry)
    return rows.values()


def _write_texts(db: Database, texts: Sequence[TextRow]) -> None:
    for text in texts:
        values = asdict(text)
        if text.replaces:
            database.write_all(db, "drop_text", [values])
        if text.text:
            database.write_all(db, "add_text", [values])
