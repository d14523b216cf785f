"""Deletes sessions that ended long enough ago, where a time is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from jidoka.contract.content import Status
from jidoka.contract.errors import JidokaError
from jidoka.core.registry import Registry, SessionQuery
from jidoka.core.retention import expired
from jidoka.session_manager.delete import Deleter
from jidoka.telemetry import logger

BY: Final = "retention"
LOOK_S: Final = 60.0
SHORTEST_S: Final = 0.1
_ENDED: Final = SessionQuery(statuses=(Status.TERMINATED.value,), limit=2**62)


async def retain(
    registry: Registry, deleter: Deleter, retention_s: float, clock: Callable[[], datetime]
) -> None:
    """Delete what ended `retention_s` seconds ago, looking at least every minute, for ever."""
    while True:
        try:
            for row in expired(await registry.find(_ENDED), clock(), retention_s):
                await deleter.delete(row, by=BY)
        except JidokaError as problem:
            logger().warning("what has expired is not deleted yet", code=problem.code)
        await asyncio.sleep(max(min(retention_s, LOOK_S), SHORTEST_S))
