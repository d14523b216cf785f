"""The registry follows the log, whatever becomes of the registry meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from jidoka.bus.memory import MemoryEventLog
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import StorageFull
from jidoka.contract.subjects import ALL_EVENTS
from jidoka.core.ports import Draft, Entry, Head
from jidoka.session_manager import projection as room
from jidoka.session_manager.projection import Absorb, Fail, Projection
from jidoka.store.memory import MemoryRegistry

CREATED = e.SessionCreated(session_name="x", project_path="/p", llm=LlmConfig())


class FullDisk(MemoryRegistry):
    """A registry that cannot be written until somebody has made room."""

    has_room = False

    async def apply(self, entries: Sequence[Entry], after: int) -> int:
        if not self.has_room:
            raise StorageFull
        return await super().apply(entries, after)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "RETRY_S", 0.01)
    monkeypatch.setattr(room, "MOST_WAITING", 3)


class Choking(MemoryRegistry):
    """A registry with a defect that one session brings out."""

    async def apply(self, entries: Sequence[Entry], after: int) -> int:
        if any(entry.envelope.subject == "s1" for entry in entries):
            raise KeyError
        return await super().apply(entries, after)


@asynccontextmanager
async def running(
    log: MemoryEventLog,
    registry: MemoryRegistry,
    absorb: Absorb = lambda _session_id, _entry: None,
    fail: Fail = lambda _session_id, _entry: None,
) -> AsyncGenerator[Projection]:
    projection = Projection(log, registry, absorb, fail)
    task = asyncio.create_task(projection.run())
    try:
        yield projection
    finally:
        task.cancel()
        await asyncio.wait({task})


async def sessions(log: MemoryEventLog, count: int) -> int:
    """Record new sessions; return the stream sequence of the last event."""
    cursor = 0
    for _ in range(count):
        name = f"s{len(log._stored)}"
        entries = await log.append(name, Draft(CREATED, f"id-{name}", "/tests"), Head())
        cursor = entries[-1].head.cursor
    return cursor


async def test_what_is_recorded_reaches_the_registry_when_it_is_asked_for():
    log, registry = MemoryEventLog(), MemoryRegistry()
    async with running(log, registry) as projection:
        cursor = await sessions(log, 2)

        reached = await projection.reach(cursor, timeout_s=20)

    assert reached
    assert await registry.position() == cursor


async def test_a_registry_without_room_has_everything_once_there_is_some():
    log, registry = MemoryEventLog(), FullDisk()
    async with running(log, registry) as projection:
        cursor = await sessions(log, 10)  # more than may wait: the log is read again
        while_full = await projection.reach(cursor, timeout_s=0.05)
        registry.has_room = True

        reached = await projection.reach(cursor, timeout_s=20)
        known = [await registry.get(f"s{number}") for number in range(10)]

    assert (while_full, reached) == (False, True)
    assert None not in known


class ReadOnce(MemoryEventLog):
    """A log that counts how often it is read from somewhere on."""

    readings = 0

    def follow_all(
        self, after_cursor: int = 0, subject: str = ALL_EVENTS
    ) -> AsyncGenerator[tuple[str, Entry]]:
        self.readings += 1
        return super().follow_all(after_cursor, subject)


async def test_a_log_that_is_read_faster_than_the_registry_is_written_is_read_once(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(room, "MOST_AHEAD", 2)
    log, registry = ReadOnce(), MemoryRegistry()
    cursor = await sessions(log, 50)

    async with running(log, registry) as projection:
        reached = await projection.reach(cursor, timeout_s=20)

    assert reached
    assert log.readings == 1


async def test_a_leader_knows_what_is_said_while_the_disk_is_full(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "MOST_AHEAD", 2)
    log, last = MemoryEventLog(), asyncio.Event()
    await sessions(log, 10)

    async with running(log, FullDisk(), lambda each, _: last.set() if each == "s9" else None):
        is_known = await asyncio.wait_for(last.wait(), 20)

    assert is_known


async def test_a_registry_that_was_emptied_is_filled_again():
    log, registry = MemoryEventLog(), MemoryRegistry()
    async with running(log, registry) as projection:
        await projection.reach(await sessions(log, 2), timeout_s=20)
        await registry.reset()
        cursor = await sessions(log, 1)

        await projection.reach(cursor, timeout_s=20)
        known = [await registry.get(f"s{number}") for number in range(3)]

    assert None not in known


async def test_rebuilding_ends_where_the_log_ends():
    log, registry = MemoryEventLog(), MemoryRegistry()
    async with running(log, registry) as projection:
        cursor = await sessions(log, 3)
        await projection.reach(cursor, timeout_s=20)

        reached = await projection.rebuild()

    assert reached == cursor
    assert await registry.position() == cursor


async def test_an_event_that_cannot_be_folded_is_passed_by_and_named():
    log, registry, failed = MemoryEventLog(), MemoryRegistry(), []

    def absorb(session_id: str, _: Entry) -> None:
        if session_id == "s1":
            raise ValueError

    cursor = await sessions(log, 3)
    async with running(log, registry, absorb, lambda each, _: failed.append(each)) as projection:
        reached = await projection.reach(cursor, 20)

    assert reached
    assert failed == ["s1"]
    assert await registry.get("s1") is None
    assert await registry.get("s2") is not None


async def test_an_event_that_cannot_be_applied_five_times_is_passed_by_and_named():
    log, registry, failed = MemoryEventLog(), Choking(), []
    cursor = await sessions(log, 3)
    async with running(log, registry, fail=lambda each, _: failed.append(each)) as projection:
        reached = await projection.reach(cursor, 20)

    assert reached
    assert failed == ["s1"]
    assert await registry.get("s2") is not None
