"""What owners have spent in this period, read from the log when a gateway starts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from jidoka.bus import follower
from jidoka.bus.connection import Bus
from jidoka.bus.entries import opened
from jidoka.contract import subjects
from jidoka.contract.events import (
    ContextCompacted,
    LlmResponded,
    SessionCreated,
    SessionForked,
    SessionImported,
)
from jidoka.core.ports import Entry
from jidoka.llm_gateway.purse import Purses, period_of

_BIRTHS: Final = (SessionCreated, SessionForked, SessionImported)
_CALLS: Final = (LlmResponded, ContextCompacted)


async def fill(purses: Purses, bus: Bus) -> None:
    """Add what the log says of this period; where owners have no limits nothing is read.

    Raises:
        Unavailable, TimedOut: the log cannot be read.
    """
    if not purses.limits:
        return
    owners: dict[str, str] = {}
    for kind in _BIRTHS:
        async for session_id, entry in _events(bus, kind.name):
            if isinstance(entry.event, SessionCreated):
                owners[session_id] = entry.event.owner
    current = purses.current
    for kind in _CALLS:
        async for session_id, entry in _events(bus, kind.name):
            call = entry.event
            if not isinstance(call, LlmResponded | ContextCompacted) or entry.time is None:
                continue
            if period_of(entry.time, purses.period) == current:
                purses.spent_before(owners.get(session_id, ""), call.usage, call.cost_usd)


async def _events(bus: Bus, name: str) -> AsyncGenerator[tuple[str, Entry]]:
    wanted = follower.Filter(subjects.EVENTS_STREAM, subjects.events_named(name))
    async with aclosing(follower.read(bus, wanted)) as stored:
        async for each in stored:
            yield subjects.session_of(each.subject) or "", opened(each)[0]
