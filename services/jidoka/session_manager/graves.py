"""Sessions that were deleted and came back: a damaged store lost their tombstones."""

from __future__ import annotations

from collections.abc import Mapping

from jidoka.bus.integrity import risen
from jidoka.bus.marks import Grave
from jidoka.contract.errors import JidokaError
from jidoka.session_manager.damage import Damage
from jidoka.session_manager.delete import Deleter
from jidoka.session_manager.ports import Logs
from jidoka.telemetry import logger


async def rebury(deleter: Deleter, damage: Damage, log: Logs, graves: Mapping[str, Grave]) -> None:
    """Delete again what is back and ends as it did when it was deleted.

    Whatever else is back of a deleted session is damage: it is degraded, and a person deletes it.

    Raises:
        Unavailable, TimedOut: it is not known what is back.
    """
    for session_id in await risen(log, graves):
        grave = graves[session_id]
        await damage.back(session_id, grave.tombstone)
        try:
            if await deleter.again(session_id, grave):
                damage.gone(session_id)
        except JidokaError as problem:
            logger().error("not deleted again", session_id=session_id, code=problem.code)
