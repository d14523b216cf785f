"""From the log into the registry, in batches, and into the leader's own fold at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from typing import Final

from jidoka.contract.errors import Internal, JidokaError
from jidoka.core.ports import Entry
from jidoka.core.registry import Registry
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.ports import Logs
from jidoka.telemetry import logger

log = logging.getLogger(__name__)

BATCH_S: Final = 0.1
MOST_A_BATCH: Final = 500
MOST_AHEAD: Final = 2_000
"""So far ahead of a registry that is being written is the log read."""
ROOM_S: Final = 5.0
"""Longer than this the reading waits for nothing: the leader has to know what is said."""
MOST_WAITING: Final = 10_000
"""Events that may wait for a registry that cannot be written; beyond, it reads the log again."""
RETRY_S: Final = 1.0
REBUILD_S: Final = 600.0

MOST_TRIES: Final = 5
"""So often a batch may run into a defect of ours before its events are applied one by one."""

Absorb = Callable[[str, Entry], None]
Fail = Callable[[str, Entry], None]
"""Is told of an event that a defect of ours keeps from being applied: it is passed by."""


def _pass_by(session_id: str, entry: Entry) -> None:
    """Leave it at the line in the log."""


class _ReadAgain(Exception):  # noqa: N818 - no error: the registry wants events from further back
    """The registry has less than we gave it, or we kept less than it wants."""


class Projection:
    """Keeps registry and fold equal to the log."""

    def __init__(
        self, log: Logs, registry: Registry, absorb: Absorb, fail: Fail = _pass_by
    ) -> None:
        self._log = log
        self._registry = registry
        self._absorb = absorb
        self._fail = fail
        self._defects = 0
        """How often in a row a batch was not applied by a defect."""
        self._position = 0
        self._waiting: list[Entry] = []
        self._overflown = False
        self._wanted = 0
        self._seen = 0
        self._is_writing = False
        self._is_refused = False
        """The last batch could not be written."""
        self._room = asyncio.Event()
        self._is_stale = False
        """The registry was emptied, and the log is to be read from its start."""
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._moved = asyncio.Condition()

    async def run(self) -> None:
        """Follow the log for ever."""
        while True:
            self._position = self._seen = await self._registry.position()
            self._waiting, self._overflown, self._is_stale = [], False, False
            await self._tell()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._follow(), name="follow")
                    tasks.create_task(self._write(), name="write")
            except* _ReadAgain:
                logger().warning("the registry reads the log again", position=self._position)

    async def rebuild(self, keep: Iterable[SessionRow] = ()) -> int:
        """Fill the registry again from the log; return the position reached.

        `keep` are rows of which the log says nothing any more.
        """
        cursor = self._position
        await self._registry.reset(keep)
        self._is_stale = True
        self._arrived.set()
        await self.reach(cursor, REBUILD_S)
        return self._position

    async def reach(self, cursor: int, timeout_s: float) -> bool:
        """Write without delay; tell whether the registry got to `cursor` within `timeout_s`."""
        self._wanted = max(self._wanted, cursor)
        if self._waiting or self._is_stale:
            self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s), self._moved:
                await self._moved.wait_for(lambda: self._has(cursor))
        except TimeoutError:
            return False
        return True

    async def _follow(self) -> None:
        async with aclosing(self._log.follow_all(self._position)) as entries:
            async for session_id, entry in entries:
                self._take(session_id, entry)
                if len(self._waiting) >= MOST_AHEAD and not self._is_refused:
                    await self._until_room()

    async def _until_room(self) -> None:
        self._room.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(ROOM_S):
                await self._room.wait()

    def _has(self, cursor: int) -> bool:
        is_idle = not (self._waiting or self._is_writing)
        has = self._position >= cursor or (is_idle and self._seen >= cursor)
        return has and not self._is_stale

    def _take(self, session_id: str, entry: Entry) -> None:
        self._seen = entry.head.cursor
        self._arrived.set()
        # else a stranger's, that names another session
        if entry.envelope.subject == session_id and self._absorbed(session_id, entry):
            self._overflown = self._overflown or len(self._waiting) >= MOST_WAITING
            if not self._overflown:
                self._waiting.append(entry)
        if self._position < self._wanted <= entry.head.cursor or len(self._waiting) >= MOST_A_BATCH:
            self._hurry.set()

    def _absorbed(self, session_id: str, entry: Entry) -> bool:
        """Fold an entry; tell whether it could be folded."""
        try:
            self._absorb(session_id, entry)
        except Exception:  # one event must not end the lead, and the next one, for ever
            log.exception("an event of %s cannot be folded", session_id)
            self._fail(session_id, entry)
            return False
        return True

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(BATCH_S):
                    await self._hurry.wait()
            self._arrived.clear()
            await self._flush()

    async def _flush(self) -> None:
        self._hurry.clear()
        batch, self._waiting = self._waiting, []
        self._is_writing = True
        self._room.set()
        try:
            reached = await self._applied(batch)
        except JidokaError as problem:
            logger().error("the registry cannot be written", code=problem.code, why=problem.message)
            self._waiting = (batch + self._waiting)[:MOST_WAITING]
            self._is_refused = True
            self._arrived.set()
            self._room.set()
            await asyncio.sleep(RETRY_S)
            return
        finally:
            self._is_writing = False
        self._is_refused = False
        if reached < self._position or self._overflown or self._is_stale:
            raise _ReadAgain
        self._position = reached
        await self._tell()

    async def _applied(self, batch: list[Entry]) -> int:
        """Apply a batch; return the position reached. After five defects it goes one by one."""
        try:
            reached = await self._registry.apply(batch, self._position)
        except JidokaError:
            raise
        except Exception:  # as in `_absorbed`
            log.exception("%d events cannot be applied", len(batch))
            self._defects += 1
            if self._defects < MOST_TRIES:
                raise Internal(incident="apply") from None
            reached = await self._one_by_one(batch)
        self._defects = 0
        return reached

    async def _one_by_one(self, batch: list[Entry]) -> int:
        """Apply what can be applied; return the position reached."""
        reached = self._position
        for entry in batch:
            try:
                reached = await self._registry.apply([entry], reached)
            except JidokaError:
                raise
            except Exception:  # as in `_absorbed`
                session_id = entry.envelope.subject or ""
                log.exception("an event of %s cannot be applied", session_id)
                self._fail(session_id, entry)
        return reached

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()
