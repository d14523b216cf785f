"""Sessions whose logs are not what they were: found by the marks, named, and left alone.

The marks are compared with the logs when a term begins, and the heads that are known whenever the
broker was away. A damaged session is `degraded`: it is listed with the lost range, it can be read
and terminated, and nothing else is done for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.integrity import compare
from jidoka.contract.errors import JidokaError, LogDamaged, Unavailable
from jidoka.core.ports import Head
from jidoka.session_manager.head import head_of
from jidoka.session_manager.sessions import Sessions
from jidoka.telemetry import logger

RETRY_S = 1.0


class Damage:
    """What is known to be missing or altered."""

    def __init__(self, bus: Bus, log: NatsEventLog, sessions: Sessions) -> None:
        self._bus = bus
        self._log = log
        self._sessions = sessions
        self._found: dict[str, LogDamaged] = {}

    def of(self, session_id: str) -> LogDamaged | None:
        """Return what is wrong with the log of a session, None where nothing is known to be."""
        return self._found.get(session_id)

    async def watch(self, marks: Mapping[str, Head], changed: Callable[[str], None]) -> None:
        """Compare with `marks` now and with what is folded after each outage, for ever.

        `changed` is told of each damaged session.

        Raises:
            Unavailable: the whole log was rolled back, so that everything is to be read again.
        """
        back = asyncio.Event()
        forget = self._bus.on_reconnect(back.set)
        try:
            while True:
                await self._compare(marks, changed)
                await back.wait()
                back.clear()
                marks = {row.session_id: row.head for row in self._sessions.rows.values()}
                await self._check_head()
        finally:
            forget()

    async def _compare(self, marks: Mapping[str, Head], changed: Callable[[str], None]) -> None:
        while True:
            try:
                found = await compare(self._log, marks)
                break
            except JidokaError as problem:
                logger().warning("the logs cannot be compared yet", code=problem.code)
                await asyncio.sleep(RETRY_S)
        for session_id, damage in found.items():
            logger().error("a log is damaged", session_id=session_id, **damage.details())
            self._found[session_id] = damage
            changed(session_id)

    async def _check_head(self) -> None:
        try:
            head = await head_of(self._bus)
        except JidokaError:
            return  # away again: the next reconnect asks again
        if head < self._sessions.cursor:
            raise Unavailable(part="the log", why="it ends before what was read of it")
