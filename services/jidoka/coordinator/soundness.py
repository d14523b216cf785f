"""Whether anything may be added to a session's log: the leading session-manager knows.

A log that lost its end is still a valid chain, so who only folds it cannot tell. The leader has the
marks. It is asked once a session and connection, since a broker that comes back may have less; and
it says by itself when it finds something. While nobody leads nothing is known, and a command is
recorded: the next leader compares before anything goes on.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from nats.aio.msg import Msg

from jidoka.bus.connection import Bus
from jidoka.contract.errors import TimedOut, Unavailable, from_dict
from jidoka.contract.subjects import LOG_DAMAGED, manager_request

ANSWER_S: Final = 2.0
MOST_ASKED: Final = 65_536
"""Beyond, all are asked again."""


class Soundness:
    """Remembers which sessions the leader has answered for."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._asked: set[str] = set()
        self._connection = bus.connection

    async def check(self, session_id: str) -> None:
        """Return if something may be added.

        Raises:
            LogDamaged, UnsupportedVersion: nothing may.
        """
        if self._connection != self._bus.connection or len(self._asked) >= MOST_ASKED:
            self._connection = self._bus.connection
            self._asked.clear()
        if session_id in self._asked:
            return
        body = json.dumps({"session_id": session_id}).encode()
        try:
            answer = await self._bus.request(manager_request("session.check"), body, ANSWER_S)
        except (Unavailable, TimedOut):
            return
        said = json.loads(answer.data)
        if not said["ok"]:
            raise from_dict(said["error"])
        self._asked.add(session_id)

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Hear from the leader which sessions to ask about again, while the context lasts."""
        subscription = await self._bus.subscribe(LOG_DAMAGED, self._doubt)
        try:
            yield
        finally:
            await self._bus.unsubscribe(subscription)

    async def _doubt(self, message: Msg) -> None:
        self._asked.discard(message.data.decode(errors="replace"))
