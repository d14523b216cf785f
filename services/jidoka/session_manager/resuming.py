"""Bringing a closed session back, once for each command; one that is open is not brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from jidoka.contract.content import Sharing, Status
from jidoka.contract.errors import InvalidTransition, ProjectNotFound, SessionTerminated
from jidoka.contract.events import SessionStatusChanged
from jidoka.core.session_row import SessionRow
from jidoka.session_manager import projects
from jidoka.session_manager.admission import Admission
from jidoka.session_manager.ports import Logs
from jidoka.session_manager.sessions import Sessions


class Resumer:
    """Brings closed sessions back."""

    def __init__(
        self,
        sessions: Sessions,
        admission: Admission,
        log: Logs,
        home: Path,
        settle: Callable[[str], Awaitable[object]],
    ) -> None:
        """`settle` returns when a close that is recorded is carried out."""
        self._sessions = sessions
        self._admission = admission
        self._log = log
        self._home = home
        self._settle = settle
        self._one_by_one = asyncio.Lock()
        """Two that bring back the same session must not share its place."""

    async def resume(self, row: SessionRow, command_id: str) -> SessionRow:
        """Return the row of the session that is back; the same command again changes nothing.

        Raises:
            SessionTerminated, InvalidTransition: it has ended, or it is open.
            ProjectNotFound, SessionLimitReached, ProjectAlreadyOpen: it has no place now.
        """
        _check_alive(row)
        await self._settle(row.session_id)
        try:
            return await self._brought_back(row, command_id)
        except InvalidTransition:
            if await self._was_done(row.session_id, command_id):
                return self._sessions.row(row.session_id)
            raise

    async def _brought_back(self, row: SessionRow, command_id: str) -> SessionRow:
        _resumed(self._sessions.row(row.session_id))
        real = await projects.checked(row.project_path, None if row.worktree_of else self._home)
        if real != row.project_path:
            raise ProjectNotFound(path=row.project_path)  # a link stands there now
        async with self._one_by_one:
            with self._admission.admitted(row.session_id, real, Sharing(row.sharing)):
                return await self._sessions.record(row.session_id, _resumed, command_id)

    async def _was_done(self, session_id: str, command_id: str) -> bool:
        """Tell whether it was this command that brought the session back."""
        async with aclosing(self._log.read(session_id)) as entries:
            async for entry in entries:
                cause, event = entry.envelope.causationid, entry.event
                if cause == command_id and isinstance(event, SessionStatusChanged):
                    return True
        return False


def _check_alive(row: SessionRow) -> None:
    if row.status in (Status.TERMINATED, Status.TERMINATING) or row.asked == "terminate":
        raise SessionTerminated(session_id=row.session_id, reason=row.reason, at=row.updated_at)


def _resumed(row: SessionRow) -> SessionStatusChanged:
    if row.status != Status.CLOSED:
        open_already = "be resumed: it is open. Send to it, or close it first"
        raise InvalidTransition(status=row.status, asked=open_already)
    return SessionStatusChanged(status=Status.IDLE, previous_status=Status.CLOSED, reason="resumed")
