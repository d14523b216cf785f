"""What is left on this machine: files of deleted sessions, control groups of workers long gone."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from jidoka.bus.connection import Bus
from jidoka.contract.errors import JidokaError

log = logging.getLogger(__name__)

EVERY_S: Final = 3_600.0


async def tidy(bus: Bus, home: Path) -> None:
    """Remove what nobody needs any more, now and every hour.

    Files of deleted sessions in jidoka's folder are left where the session-manager is elsewhere.
    """
    from jidoka.sandbox.control_groups import clear_old_groups  # noqa: PLC0415 - after the start

    while True:
        await asyncio.to_thread(clear_old_groups)
        # what is in the making has no log yet: only a tombstone says that a session is gone
        for session_id in await asyncio.to_thread(_found, home):
            try:
                await _tidied(bus, home, session_id)
            except JidokaError as problem:
                log.warning("the files of %s are left: %s", session_id, problem.code)
        await asyncio.sleep(EVERY_S)


async def _tidied(bus: Bus, home: Path, session_id: str) -> None:
    from jidoka.bus.event_log import NatsEventLog  # noqa: PLC0415 - few homes need it
    from jidoka.contract.events import SessionDeleted  # noqa: PLC0415
    from jidoka.sandbox.leftovers import erase_files  # noqa: PLC0415

    last = await NatsEventLog(bus).last(session_id)
    if last is not None and isinstance(last.event, SessionDeleted):
        await asyncio.to_thread(erase_files, home, session_id)


def _found(home: Path) -> list[str]:
    from jidoka.sandbox.leftovers import sessions_with_files  # noqa: PLC0415

    return sorted(sessions_with_files(home))
