"""What is stored, as it is stored: read by a plain client, in order, with the time of arrival."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import nats
from nats.aio.msg import Msg

from tests.chaos.checker import STREAM, WORKERS

WAIT_S = 90.0


@dataclass(frozen=True)
class Stored:
    """One event."""

    name: str
    at_s: float
    """On the monotonic clock."""
    body: dict[str, Any]


class History:
    """All events, by session, and how soon a session went on after its worker's death."""

    def __init__(self) -> None:
        self.events: dict[str, list[Stored]] = defaultdict(list)
        self.waits_s: list[float] = []
        """From each death to the next worker's first word."""
        self._epochs: dict[str, int] = {}
        self._dead: dict[str, tuple[int, float]] = {}
        self._news = asyncio.Condition()

    def died(self, session_id: str) -> None:
        """Note that the worker of a session has been killed or frozen just now."""
        self._dead[session_id] = (self._epochs.get(session_id, 0), time.monotonic())

    def forget_deaths(self, session_id: str) -> None:
        """Expect no next word: the session had nothing left to do."""
        self._dead.pop(session_id, None)

    def count(self, session_id: str, name: str) -> int:
        """Return how many events of a name a session has."""
        return sum(event.name == name for event in self.events[session_id])

    async def until(self, true: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Return as soon as something that is stored makes it true."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(true)

    async def until_count(self, session_id: str, name: str, nth: int) -> Stored:
        """Return the nth event of a name."""
        await self.until(lambda: self.count(session_id, name) >= nth)
        return [event for event in self.events[session_id] if event.name == name][nth - 1]

    async def until_stored(self, session_id: str, event_id: str) -> None:
        """Return when the event of that id is stored."""
        await self.until(lambda: any(x.body["id"] == event_id for x in self.events[session_id]))

    async def take(self, message: Msg) -> None:
        """Take in the next event."""
        session_id, name = message.subject.split(".")[2], ".".join(message.subject.split(".")[-2:])
        stored = Stored(name, time.monotonic(), json.loads(message.data))
        if name == "worker.assigned":
            self._epochs[session_id] = stored.body["data"]["epoch"]
        dead = self._dead.get(session_id)
        if dead is not None and name in WORKERS and (stored.body.get("epoch") or 0) > dead[0]:
            self.waits_s.append(stored.at_s - dead[1])
            del self._dead[session_id]
        async with self._news:
            self.events[session_id].append(stored)
            self._news.notify_all()


@asynccontextmanager
async def watched(url: str) -> AsyncGenerator[History]:
    """Yield what is stored from the beginning, growing."""
    history = History()
    connection = await nats.connect(url)
    try:
        await connection.jetstream().subscribe(
            "jido.session.*.event.>", stream=STREAM, ordered_consumer=True, cb=history.take
        )
        yield history
    finally:
        await connection.close()
