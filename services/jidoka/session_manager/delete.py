"""Erases sessions: a tombstone ends the log, then everything before it goes.

Whoever dies in between leaves a tombstone and the session's mark. The next leader finds a mark
without a row, and erases what is left; so does the same command, asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from jidoka.bus.marks import Grave
from jidoka.contract.content import Status
from jidoka.contract.errors import InvalidTransition, JidokaError, StaleSequence, Unavailable
from jidoka.contract.events import SessionDeleted
from jidoka.core.ports import Entry, Head
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.ports import Eraser, Logs
from jidoka.session_manager.sessions import Sessions
from jidoka.telemetry import logger

JUST_CHANGED: Final = "it has just changed"
AGAIN: Final = "session-manager"
"""Who deletes what was deleted before and came back."""


class Deleter:
    """Deletes what is closed or has ended."""

    def __init__(
        self,
        sessions: Sessions,
        log: Logs,
        eraser: Eraser,
        bury: Callable[[str, Head, str], None],
        clock: Callable[[], datetime],
    ) -> None:
        """`bury` remembers tombstone and last hash of a session; `clock` gives the time in UTC."""
        self._sessions = sessions
        self._log = log
        self._eraser = eraser
        self._bury = bury
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
        return await self._end(row.session_id, head, by, origin, causation_id)

    async def again(self, session_id: str, grave: Grave) -> bool:
        """Delete a session that was deleted, and of which the log has lost the tombstone.

        Returns False where the log does not end as it did then: that is for a person to judge.

        Raises:
            LogDamaged, Unavailable, TimedOut, StorageFull: it is not all erased.
        """
        last = await self._log.last(session_id)
        if last is None or last.head.digest != grave.last_digest:
            return False
        await self._end(session_id, last.head, AGAIN, "", None)
        return True

    async def _end(
        self, session_id: str, head: Head, by: str, origin: str, causation_id: str | None
    ) -> Entry:
        event = SessionDeleted(
            origin=origin,
            at=self._clock(),
            by=by,
            last_sequence=head.sequence,
            last_hash=head.digest,
        )
        try:
            tombstone = await self._sessions.end(session_id, event, head, causation_id)
        except StaleSequence:
            raise Unavailable(part=session_id, why=JUST_CHANGED) from None
        return await self.finish(session_id, tombstone)

    async def finish(self, session_id: str, tombstone: Entry) -> Entry:
        """Erase what stands before a tombstone; return the tombstone."""
        await self._eraser.erase(session_id, tombstone.head.cursor)
        if isinstance(tombstone.event, SessionDeleted):
            self._bury(session_id, tombstone.head, tombstone.event.last_hash)
        return tombstone

    async def sweep(self, session_ids: Iterable[str]) -> None:
        """Erase what is left of those of these sessions that were deleted."""
        for session_id in session_ids:
            try:
                if (tombstone := await self.tombstone(session_id)) is not None:
                    await self.finish(session_id, tombstone)
            except JidokaError as problem:  # `session.delete`, asked again, goes on with it
                logger().warning("not all erased", session_id=session_id, code=problem.code)
