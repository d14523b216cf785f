"""Which snapshot shows the project folder as it was at one number of a log."""

from __future__ import annotations

from collections.abc import Iterable

from jidoka.contract import events as e
from jidoka.contract.content import SnapshotRef
from jidoka.core.ports import Entry


def files_at(entries: Iterable[Entry], at: int) -> SnapshotRef | None:
    """Return the snapshot as of number `at`; None where the session has changed nothing at all.

    In the middle of a turn that is the folder as the turn found it.
    """
    found: SnapshotRef | None = None
    spans: dict[str, tuple[SnapshotRef, SnapshotRef | None]] = {}
    for entry in entries:
        if entry.sequence > at and found is not None:
            break
        match entry.event:
            case e.ToolStarted(turn_id=turn_id, snapshot=SnapshotRef() as before):
                spans[turn_id] = (before, None)
                found = before
            case e.TurnEnded(turn_id=turn_id, snapshot=SnapshotRef() as after):
                before = spans.get(turn_id, (after, None))[0]
                spans[turn_id] = (before, after)
                found = after
            case e.TurnUndone(turn_ids=ids, files_left=False):
                found = next((spans[one][0] for one in reversed(ids) if one in spans), found)
            case e.TurnRedone(turn_ids=ids, files_left=False):
                found = next((spans[one][1] for one in reversed(ids) if one in spans), found)
            case _:
                pass
    return found
