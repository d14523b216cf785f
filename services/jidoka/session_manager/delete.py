"""Erases sessions: a tombstone ends the log, then everything before it goes.

Whoever dies in between leaves a tombstone and the session's mark. The next leader finds a mark
without a row, and erases what is left; so does the same command, asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from jidoka.contract.content import Status
from jidoka.contract.errors import InvalidTransition, JidokaError, StaleSequence, Unavailable
from jidoka.contract.events import SessionDeleted
from jidoka.core.ports import Entry, Head
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.ports import Eraser, Logs
from jidoka.session_manager.sessions import Sessions
from jidoka.telemetry import logger

JUST_CHANGED: Final = "it has just changed"


class Deleter:
    """Deletes what is closed or has ended."""

    def __init__(
        self,
        sessions: Sessions,
        log: Logs,
        eraser: Eraser,
        forget: Callable[[str], None],
        clock: Callable[[], datetime],
    ) -> None:
        """`forget` drops the mark of a session; `clock` gives the time in UTC."""
        self._sessions = sessions
        self._log = log
        self._eraser = eraser
        self._forget = forget
        self._clock = clock

    async def tombstone(self, session_id: str) -> Entry | None:
        """Return what is left of a deleted session, None where it was not deleted."""
        last = await self._log.last(session_id)
        return last if last is not None and isinstance(last.event, SessionDeleted) else None

    async def delete(
        self, row: SessionRow, *, by: str, origin: str = "", causation_id: str | None = None
    ) -> Entry:
        """Record the tombstone of a session and erase the rest of it; return the tombstone.

        `origin` and `causation_id` are source and id of the command, where it was one.

        Raises:
            InvalidTransition: it is neither closed nor terminated.
            Unavailable, TimedOut, StorageFull: it is not all erased; to be asked again.
        """
        if not (row.ended or (row.status == Status.CLOSED and not row.asked)):
            raise InvalidTransition(status=row.status, asked="be deleted: close or terminate it")
        last = await self._log.last(row.session_id)
        head = last.head if last is not None else Head()
        if last is not None and isinstance(last.event, SessionDeleted):
            return await self.finish(row.session_id, last)
        if head.cursor > row.cursor:
            raise Unavailable(part=row.session_id, why=JUST_CHANGED)
        event = SessionDeleted(
            origin=origin,
            at=self._clock(),
            by=by,
            last_sequence=head.sequence,
            last_hash=head.digest,
        )
        try:
            tombstone = await self._sessions.end(row.session_id, event, head, causation_id)
        except StaleSequence:
            raise Unavailable(part=row.session_id, why=JUST_CHANGED) from None
        return await self.finish(row.session_id, tombstone)

    async def finish(self, session_id: str, tombstone: Entry) -> Entry:
        """Erase what stands before a tombstone; return the tombstone."""
        await self._eraser.erase(session_id, tombstone.head.cursor)
        self._forget(session_id)
        return tombstone

    async def sweep(self, session_ids: Iterable[str]) -> None:
        """Erase what is left of those of these sessions that were deleted."""
        for session_id in session_ids:
            try:
                if (tombstone := await self.tombstone(session_id)) is not None:
                    await self.finish(session_id, tombstone)
            except JidokaError as problem:  # `session.delete`, asked again, goes on with it
                logger().warning("not all erased", session_id=session_id, code=problem.code)
