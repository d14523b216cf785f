"""Filling and reading logs, whichever implementation it is."""

from __future__ import annotations

from contextlib import aclosing

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.memory import MemoryEventLog
from jidoka.contract.errors import StaleSequence
from jidoka.core.ports import Entry, Head
from tests.support.drafts import a_draft

Log = NatsEventLog | MemoryEventLog
START = Head()


async def fill(log: Log, session_id: str, count: int, head: Head = START) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(count):
        (entry,) = await log.append(session_id, a_draft(f"{number}"), head)
        entries.append(entry)
        head = entry.head
    return entries


async def all_of(log: Log, session_id: str, after: Head | None = None) -> list[Entry]:
    return [entry async for entry in log.read(session_id, after)]


async def first(log: Log, session_id: str, count: int, after: Head | None = None) -> list[Entry]:
    found: list[Entry] = []
    async with aclosing(log.follow(session_id, after)) as entries:
        async for entry in entries:
            found.append(entry)
            if len(found) == count:
                break
    return found


async def append_somehow(log: Log, session_id: str, title: str, head: Head) -> Head:
    """Append by the rules: read what is new and try again, until it is in."""
    draft = a_draft(title)
    while True:
        try:
            return (await log.append(session_id, draft, head))[-1].head
        except StaleSequence as stale:
            head = stale.tail[-1].head


async def store_raw(log: Log, bus: Bus | None, subject: str, body: bytes) -> None:
    if bus is None:
        assert isinstance(log, MemoryEventLog)
        log.put_raw(subject, body)
    else:
        await bus.store(subject, body, {}, 5.0)
