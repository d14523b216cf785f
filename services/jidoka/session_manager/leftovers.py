"""What sessions that are gone have left on this machine, and its removal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jidoka.contract.errors import JidokaError
from jidoka.contract.events import SessionDeleted
from jidoka.sandbox.leftovers import erase_files, is_recent
from jidoka.session_manager.ports import Eraser, Logs
from jidoka.telemetry import logger


class WholeEraser:
    """Erases what the broker holds of a session, and its files beside the project."""

    def __init__(self, broker: Eraser, home: Path) -> None:
        self._broker = broker
        self._home = home

    async def erase(self, session_id: str, before_cursor: int) -> None:
        """Erase all; doing it twice is doing it once. Raises what the broker's part raises."""
        await self._broker.erase(session_id, before_cursor)
        await asyncio.to_thread(erase_files, self._home, session_id)


async def sweep(log: Logs, home: Path, found: set[str]) -> None:
    """Remove the files of those of these sessions that were deleted, or never came to be."""
    for session_id in sorted(found):
        try:
            last = await log.last(session_id)
        except JidokaError as problem:
            logger().warning("files are left", session_id=session_id, code=problem.code)
            continue
        unborn = last is None and not await asyncio.to_thread(is_recent, home, session_id)
        if unborn or (last is not None and isinstance(last.event, SessionDeleted)):
            await asyncio.to_thread(erase_files, home, session_id)
