"""`registry rebuild`: by whoever leads, and by ourselves when nobody does."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

from jidoka.bus.connection import Bus, connect
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract.errors import Unavailable, from_dict
from jidoka.contract.subjects import manager_request
from jidoka.core.ports import Entry
from jidoka.session_manager.head import head_of
from jidoka.store.rebuild import rebuild as fill
from jidoka.store.registry import SqliteRegistry

LEADER_S: Final = 600.0


async def rebuild(url: str, path: Path) -> int:
    """Make the registry anew; return the stream sequence that it reached.

    The leader does it where one is, since it alone writes its file; `path` is for when none is.

    Raises:
        JidokaError: broker or file cannot be used.
    """
    async with await connect(url, name="registry-rebuild") as bus:
        try:
            return await _by_the_leader(bus)
        except Unavailable:
            return await _by_ourselves(bus, path)


async def _by_the_leader(bus: Bus) -> int:
    answer = await bus.request(manager_request("registry.rebuild"), b"{}", LEADER_S)
    found = json.loads(answer.data)
    if not found["ok"]:
        raise from_dict(found["error"])
    return int(found["position"])


async def _by_ourselves(bus: Bus, path: Path) -> int:
    registry = await SqliteRegistry.open(path)
    try:
        return await fill(registry, _until(NatsEventLog(bus), await head_of(bus)))
    finally:
        await registry.close()


async def _until(log: NatsEventLog, head: int) -> AsyncGenerator[Entry]:
    """Yield all events of all sessions up to the stream sequence `head`."""
    if head == 0:
        return
    async with aclosing(log.follow_all()) as entries:
        async for session_id, entry in entries:
            if entry.envelope.subject == session_id:
                yield entry
            if entry.head.cursor >= head:
                return
