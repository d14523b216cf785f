"""The registry's file: opened with the shape of this version, or put aside for a rebuild.

Blocking code, for one thread alone. WAL with `synchronous=FULL`: what was committed is on the disk.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

from sqlite_utils import Database
from sqlite_utils.db import Table

from jidoka.contract.errors import (
    JidokaError,
    StorageFull,
    StorageNotWritable,
    Unavailable,
    UnsupportedVersion,
)
from jidoka.store.search import TOKENIZER

VERSION: Final = 5
"""The shape of the tables and the meaning of their rows: a change of either is a new number, and a
file with an older one is rebuilt."""

BUSY_TIMEOUT_S: Final = 5.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def _queries() -> Mapping[str, str]:
    text = (Path(__file__).parent / "queries.sql").read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


QUERIES: Final = _queries()
"""The statements of `queries.sql` by name."""


def open_database(path: Path) -> Database:
    """Return the registry at `path`, new and empty where there is none that can be used.

    Raises:
        StorageNotWritable, StorageFull: the folder does not take it.
        UnsupportedVersion: a newer build wrote the file; it is left as it is.
        Unavailable: another program has locked it for longer than 5 s.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise StorageNotWritable(path=str(path.parent)) from None
    try:
        return _sound(path) or _renewed(path)
    except sqlite3.Error as problem:
        if not is_damage(problem):
            raise error_of(problem, path) from None
    put_aside(path)
    return _renewed(path)


def is_damage(problem: sqlite3.Error) -> bool:
    """Tell whether `problem` says that the file itself is broken."""
    return _code(problem) in _DAMAGED


def error_of(problem: sqlite3.Error, path: Path) -> JidokaError:
    """Return what an error of SQLite means to whoever asked."""
    code = _code(problem)
    if code == sqlite3.SQLITE_FULL:
        return StorageFull()
    if code in _BUSY:
        return Unavailable(part="registry", why="another program has locked it")
    return StorageNotWritable(path=str(path))


def put_aside(path: Path) -> None:
    """Rename a damaged file, so that a person can look at it; the last one is kept."""
    with suppress(OSError):
        path.replace(path.with_name(path.name + ".damaged"))
    remove(path)


def remove(path: Path) -> None:
    """Delete the file and what SQLite keeps beside it."""
    for name in (path.name, path.name + "-wal", path.name + "-shm"):
        try:
            path.with_name(name).unlink(missing_ok=True)
        except OSError:
            raise StorageNotWritable(path=str(path)) from None


@contextmanager
def writing(db: Database) -> Generator[None]:
    """Write within one transaction, which waits for the lock before it reads.

    One that has read first is told at once that somebody else writes, and cannot wait.
    """
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.commit()


def table(db: Database, name: str) -> Table:
    """Return a table of the registry."""
    return db.table(name)


def meta(db: Database, key: str) -> int:
    """Return a number of the table `meta`, 0 where it is not set."""
    found = db.execute("select value from meta where key = ?", [key]).fetchone()
    return int(found[0]) if found else 0


def set_meta(db: Database, key: str, value: int) -> None:
    """Set a number of the table `meta`."""
    db.execute(QUERIES["set_meta"], {"key": key, "value": str(value)})


def _code(problem: sqlite3.Error) -> int:
    # the low byte is the error, the rest its details
    return getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _sound(path: Path) -> Database | None:
    """Return the file's database if it is of this version, None if a new one is to be made.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
    """
    if not path.exists():
        return None
    db = _connect(path)
    try:
        version = _version(db)
    except sqlite3.Error:
        db.close()
        raise
    if version == VERSION:
        return db
    db.close()
    if version > VERSION:
        raise UnsupportedVersion(found=f"registry version {version}", supported=str(VERSION))
    return None


def _version(db: Database) -> int:
    """Return the version of a whole file, 0 for an empty one."""
    verdict = db.execute("pragma quick_check(1)").fetchone()[0]
    if verdict != "ok":
        damaged = sqlite3.DatabaseError(verdict)
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged
    return meta(db, "version") if table(db, "meta").exists() else 0


def _renewed(path: Path) -> Database:
    remove(path)
    db = _connect(path)
    with writing(db):
        for statement in QUERIES["shape"].split(";"):
            db.execute(statement)
        conversation = table(db, "conversation")
        conversation.enable_fts(["text"], create_triggers=True, tokenize=TOKENIZER)
        set_meta(db, "version", VERSION)
    return db


def _connect(path: Path) -> Database:
    # sqlite-utils wants the driver's default transactions; the one thread is not this one
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    try:
        db = Database(connection)
        db.enable_wal()
        db.execute("pragma synchronous=full")
    except BaseException:
        connection.close()
        raise
    return db


def rows_of(db: Database, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that the query `name` finds."""
    found = cast("Iterable[dict[str, Any]]", db.query(QUERIES[name], dict(values)))
    return list(found)


def write_all(db: Database, name: str, values: Iterable[Mapping[str, Any]]) -> None:
    """Run the statement `name` for each of `values`."""
    db.conn.executemany(QUERIES[name], values)
