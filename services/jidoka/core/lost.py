"""The row of a session of whose log nothing is left."""

from __future__ import annotations

from jidoka.contract.content import Status
from jidoka.contract.envelope import GENESIS
from jidoka.core.changing import changed
from jidoka.core.session_row import SessionRow


def lost(session_id: str, row: SessionRow | None) -> SessionRow:
    """Return what a person sees of it; `row` is what was known.

    It is put away, so that it takes no place and no folder, and it can be deleted.
    """
    known = row or SessionRow(session_id)
    return changed(
        known,
        status=Status.CLOSED.value,
        reason="log_damaged",
        asked="",
        phase="ready",
        turn_id=None,
        inbox=(),
        calls=(),
        waiting=(),
        gone_epoch=known.epoch,
        cursor=0,
        sequence=0,
        digest=GENESIS,
    )
