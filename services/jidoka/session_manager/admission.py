"""Who may be open: the limit of sessions and the one folder a session, exact under any crowd.

Between the check and the event that makes it true lie requests to disk and broker; until then a
reservation counts like a session. Checking and reserving is one step without a pause in it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from jidoka.contract.content import Sharing, Status
from jidoka.contract.errors import ProjectAlreadyOpen, SessionLimitReached
from jidoka.core.folders import in_the_way
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.sessions import Sessions


class Admission:
    """The door to being open."""

    def __init__(self, sessions: Sessions, limit: int | None) -> None:
        self._sessions = sessions
        self._limit = limit
        self._reserved: dict[str, SessionRow] = {}

    @contextmanager
    def admitted(self, session_id: str, path: str, sharing: Sharing) -> Generator[None]:
        """Hold a place and a folder for a session that is about to be open.

        Raises:
            SessionLimitReached: with how many are open, and the maximum.
            ProjectAlreadyOpen: another open session has the folder.
        """
        self._check(session_id, path, sharing)
        self._reserved[session_id] = SessionRow(
            session_id,
            project_path=path,
            sharing=sharing.value,
            status=Status.INITIALIZING.value,
        )
        try:
            yield
        finally:
            del self._reserved[session_id]

    def _check(self, session_id: str, path: str, sharing: Sharing) -> None:
        rows = {**self._sessions.rows, **self._reserved}.values()
        others = [row for row in rows if row.is_open and row.session_id != session_id]
        other = in_the_way(path, sharing, others)
        if other is not None and sharing is not Sharing.WORKTREE:
            raise ProjectAlreadyOpen(path=path, session_id=other.session_id)
        if self._limit is not None and len(others) >= self._limit:
            raise SessionLimitReached(current=len(others), maximum=self._limit)
