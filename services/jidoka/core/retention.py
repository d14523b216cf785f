"""How long what has ended is kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from jidoka.core.session_row import SessionRow, moment_of


def expired(
    rows: Iterable[SessionRow], now: datetime, retention_s: float
) -> tuple[SessionRow, ...]:
    """Return the rows of sessions that ended `retention_s` seconds ago or earlier."""
    since = now - timedelta(seconds=retention_s)
    return tuple(
        row for row in rows if row.ended and row.updated_at and moment_of(row.updated_at) <= since
    )
