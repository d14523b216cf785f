"""What becomes of the registry's file: damaged, deleted, of another version, locked, rebuilt."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import Usage
from jidoka.contract.errors import StorageNotWritable, UnsupportedVersion
from jidoka.core.ports import Entry
from jidoka.core.registry import SessionQuery
from jidoka.store.rebuild import rebuild
from jidoka.store.registry import SqliteRegistry
from tests.support.entries import LogWriter, batches


def a_log() -> LogWriter:
    """Return a log of several sessions with messages, answers, edits and ends."""
    log = LogWriter()
    for number in range(6):
        session = f"s{number}"
        log.create(session, path=f"/p/{number}")
        for turn in range(3):
            turn_id = f"{session}-t{turn}"
            log.write(
                session,
                e.MessageAccepted(message_id=f"m{turn}", content=f"question {turn}"),
                e.MessageEdited(message_id=f"m{turn}", content=f"better question {turn}"),
                e.TurnStarted(turn_id=turn_id, message_ids=(f"m{turn}",)),
                e.LlmResponded(
                    turn_id=turn_id,
                    call_id=f"c{turn}",
                    step=1,
                    content="an answer",
                    usage=Usage(input_tokens=3, output_tokens=4),
                    cost_usd=0.1,
                    model="m",
                ),
            )
    log.write("s3", e.SessionTerminated(reason="crash_limit"))
    return log


async def all_of(entries: Iterable[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry


def dump(path: Path) -> Mapping[str, str]:
    """Return every table a person reads, row by row as stored."""
    with sqlite3.connect(path) as db:
        tables = ("meta", "sessions", "usage", "conversation")
        rows = {name: list(db.execute(f"select * from {name}")) for name in tables}  # noqa: S608
    db.close()
    return {name: json.dumps(found) for name, found in rows.items()}


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_rebuilt_registry_is_identical_whatever_the_batches_were(tmp_path: Path, size: int):
    log, path = a_log(), tmp_path / "registry.db"
    registry = await SqliteRegistry.open(path)
    position = 0
    for batch in batches(log.entries, size):
        position = await registry.apply(batch, position)
    before = dump(path)
    path.unlink()

    await rebuild(registry, all_of(log.entries))
    await registry.close()

    assert dump(path) == before
    assert json.loads(before["sessions"])


async def test_a_registry_goes_on_where_it_stopped(tmp_path: Path):
    log, path = a_log(), tmp_path / "registry.db"
    first = await SqliteRegistry.open(path)
    position = await first.apply(log.entries[:20], after=0)
    await first.close()

    second = await SqliteRegistry.open(path)

    assert await second.position() == position == 20
    assert await second.apply(log.entries, after=position) == len(log.entries)
    await second.close()


@pytest.mark.parametrize("damage", [b"", b"this is no database, only text\n" * 200])
async def test_a_damaged_file_is_put_aside_and_wanted_again(tmp_path: Path, damage: bytes):
    path = tmp_path / "registry.db"
    path.write_bytes(damage)

    registry = await SqliteRegistry.open(path)

    assert await registry.position() == 0
    assert await registry.find(SessionQuery()) == ()
    await registry.close()
    if damage:
        assert path.with_name("registry.db.damaged").read_bytes() == damage


async def test_a_file_deleted_while_it_is_open_is_begun_anew(tmp_path: Path):
    log, path = a_log(), tmp_path / "registry.db"
    registry = await SqliteRegistry.open(path)
    position = await registry.apply(log.entries[:-1], after=0)
    path.unlink()

    wanted_after = await registry.apply(log.entries[-1:], after=position)

    assert wanted_after == 0
    assert await registry.apply(log.entries, after=0) == len(log.entries)
    await registry.close()
    assert path.exists()


async def test_an_older_shape_is_rebuilt_and_a_newer_one_refused(tmp_path: Path):
    path = tmp_path / "registry.db"
    registry = await SqliteRegistry.open(path)
    await registry.apply(a_log().entries, after=0)
    await registry.close()

    set_version(path, 0)
    older = await SqliteRegistry.open(path)
    position = await older.position()
    await older.close()
    set_version(path, 99)

    assert position == 0
    with pytest.raises(UnsupportedVersion):
        await SqliteRegistry.open(path)


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageNotWritable) as refused:
        await SqliteRegistry.open(tmp_path / "file" / "registry.db")

    assert refused.value.path == str(tmp_path / "file")


async def test_a_lock_held_by_another_program_does_not_stop_the_event_loop(tmp_path: Path):
    path = tmp_path / "registry.db"
    registry = await SqliteRegistry.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")

    writing = asyncio.create_task(registry.apply(a_log().entries, after=0))
    for _ in range(100):
        await asyncio.sleep(0)
    waited = not writing.done()
    other.execute("rollback")
    other.close()

    assert waited
    assert await writing == len(a_log().entries)
    await registry.close()


def set_version(path: Path, version: int) -> None:
    with sqlite3.connect(path) as db:
        db.execute("update meta set value = ? where key = 'version'", [str(version)])
    db.close()
