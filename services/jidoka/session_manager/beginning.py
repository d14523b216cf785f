"""How a term begins: what was known is compared with the logs before anything is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.integrity import compare
from jidoka.contract.content import Status
from jidoka.core.lost import lost
from jidoka.core.ports import Head
from jidoka.core.registry import Registry, SessionQuery
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.damage import Damage
from jidoka.session_manager.head import head_of
from jidoka.session_manager.sessions import Sessions
from jidoka.telemetry import logger

EVERYTHING: Final = SessionQuery(statuses=tuple(status.value for status in Status), limit=2**62)


async def begin(
    bus: Bus,
    registry: Registry,
    sessions: Sessions,
    damage: Damage,
    marks: Mapping[str, Head],
) -> int:
    """Load what the registry knows that the logs still say; return where the log ends.

    A registry that has read what is no more in the log is made anew from it; a session of which
    nothing is left keeps its row, so that a person sees what was lost.
    """
    log = NatsEventLog(bus)
    rows = {row.session_id: row for row in await registry.find(EVERYTHING)}
    found = await damage.begin(_highest(marks, rows.values()))
    head = await head_of(bus)
    gone = [lost(each, rows.get(each)) for each in found if await log.last(each) is None]
    heads = {row.session_id: row.head for row in rows.values() if row.session_id in found}
    is_beyond = head < await registry.position() or bool(await compare(log, heads))
    if is_beyond or any(rows.get(row.session_id) != row for row in gone):
        logger().error("the log ends before what was read of it", head=head, lost=len(gone))
        await registry.reset(gone)
    sessions.load(await registry.find(EVERYTHING), await registry.position())
    return head


def _highest(marks: Mapping[str, Head], rows: Iterable[SessionRow]) -> dict[str, Head]:
    """Return the marks of all sessions that may go on; where there is none, the row is one."""
    wanted = dict(marks)
    for row in rows:
        if row.ended:
            wanted.pop(row.session_id, None)  # the patrol reads it
        elif row.sequence > wanted.get(row.session_id, Head()).sequence:
            wanted[row.session_id] = row.head
    return wanted
