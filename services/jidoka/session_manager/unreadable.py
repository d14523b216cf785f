"""Events that nobody can read: put into quarantine with the reason, and their sessions in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from jidoka.bus.entries import Stored
from jidoka.bus.quarantine import Quarantine, Wanted
from jidoka.contract.errors import JidokaError, StorageFull
from jidoka.contract.subjects import session_event, session_of
from jidoka.core.ports import Entry
from jidoka.telemetry import logger

PROGRAM: Final = "session-manager"
MOST_WAITING: Final = 1_000
"""Beyond it they are named in the log of this program alone."""
RETRY_S: Final = 1.0


Known = tuple[str, int, str]
"""Subject, stream sequence and code of a message: what makes it the same one."""


def stored_of(session_id: str, entry: Entry) -> Stored:
    """Return an entry as its stream holds it."""
    subject = session_event(session_id, entry.envelope.name)
    return Stored(entry.head.cursor, subject, entry.envelope.to_json())


class Unreadable:
    """Takes what a log could not read and puts it away, each message once."""

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine
        self._waiting: asyncio.Queue[tuple[Stored, JidokaError]] = asyncio.Queue(MOST_WAITING)
        self._taken: set[int] = set()
        self._there: set[Known] | None = None
        """What is in quarantine already; None: not read yet."""

    def take(self, stored: Stored, problem: JidokaError) -> None:
        """Note a message that could not be read; the same one again is passed by."""
        if stored.cursor in self._taken:
            return
        try:
            self._waiting.put_nowait((stored, problem))
        except asyncio.QueueFull:
            logger().error("not put into quarantine", subject=stored.subject, why=str(problem))
        else:
            self._taken.add(stored.cursor)

    async def run(self, suspect: Callable[[str], None]) -> None:
        """Put away what is noted, for ever; `suspect` is told whose it was."""
        while True:
            stored, problem = await self._waiting.get()
            session_id = session_of(stored.subject)
            if session_id is not None:
                suspect(session_id)
            await self._put(stored, problem)

    async def _put(self, stored: Stored, problem: JidokaError) -> None:
        """Put one message away unless it is there, from a former term or reading."""
        known: Known = (stored.subject, stored.cursor, problem.code)
        while True:
            try:
                if known not in (there := await self._known()):
                    await self._quarantine.put(PROGRAM, stored, problem)
                    there.add(known)
            except StorageFull:
                logger().error("the quarantine is full", subject=stored.subject)
                return
            except JidokaError as failure:
                logger().warning("the quarantine cannot be written yet", code=failure.code)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _known(self) -> set[Known]:
        """Return what is in quarantine of ours: read whole the first time, page by page."""
        if self._there is None:
            found, after = set[Known](), 0
            while page := await self._quarantine.list(Wanted(PROGRAM), after):
                found |= {(each.subject, each.cursor, each.code) for each in page}
                after = page[-1].number
            self._there = found
        return self._there
