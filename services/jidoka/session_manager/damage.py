"""Sessions whose logs are not what they were: found out, named, and left alone.

    before anything is served       every log is compared with its mark, at a request a session
    before a session's first start  its log is read whole; after a worker that could not read, too
    while we lead                   what is followed has to fit; all logs are read from time to time
    when the broker was away        every log is compared with what was folded of it

A damaged session is `degraded`: it is listed with the lost range, it can be read, terminated and
deleted, and nothing else is done for it. So is, but for the flag, one that a newer build wrote to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Final

from jidoka.bus.connection import Bus
from jidoka.bus.entries import TOMBSTONE, check_follows
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.integrity import compare, examined, risen
from jidoka.bus.leaving import all_ended
from jidoka.contract import subjects
from jidoka.contract.content import Status
from jidoka.contract.errors import JidokaError, LogDamaged, SessionNotFound, Unavailable
from jidoka.contract.events import SessionTerminationRequested, WorkerAssigned
from jidoka.core.lifecycle import Record, Start, Step
from jidoka.core.newer import misunderstood
from jidoka.core.ports import Entry, Head
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.head import head_of
from jidoka.session_manager.sessions import Sessions
from jidoka.telemetry import logger

RETRY_S: Final = 1.0
MOST_AT_ONCE: Final = 8
"""So many logs are read whole at a time, because they are in doubt."""
PAUSE_S: Final = 0.01
"""Between two logs of a patrol: it must not be felt."""


class Damage:
    """What is known to be missing, altered, or beyond this build."""

    def __init__(self, bus: Bus, log: NatsEventLog, sessions: Sessions) -> None:
        self._bus = bus
        self._log = log
        self._sessions = sessions
        self._found: dict[str, JidokaError] = {}
        self._unfolded: dict[str, JidokaError] = {}
        self._marks: dict[str, Head] = {}
        self._sound: set[str] = set()
        """Sessions whose logs were read whole and found sound since they were last in doubt."""
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._telling: set[asyncio.Task[None]] = set()
        self._changed: Callable[[str], None] = lambda _: None

    def of(self, session_id: str) -> JidokaError | None:
        """Return why nothing is done for a session, None where nothing is known to be wrong."""
        return self._found.get(session_id) or self._unfolded.get(session_id)

    def defect(self, session_id: str, entry: Entry) -> None:
        """Take in an event that a defect of ours keeps from being folded."""
        self._unfolded[session_id] = LogDamaged(first=entry.sequence, last=entry.sequence)
        self._changed(session_id)

    async def begin(self, marks: Mapping[str, Head]) -> dict[str, JidokaError]:
        """Compare all logs with their marks, as long as it takes; return what was found."""
        self._marks = dict(marks)
        while True:
            try:
                found = await compare(self._log, marks)
                break
            except JidokaError as problem:
                logger().warning("the logs cannot be compared yet", code=problem.code)
                await asyncio.sleep(RETRY_S)
        for session_id, damage in found.items():
            self.note(session_id, damage)
        return dict(self._found)

    def witnesses(self) -> dict[str, Head]:
        """Return the marks of the damaged sessions, from whichever witness: they are to be kept."""
        return {each: self._marks[each] for each in self._found if each in self._marks}

    def note(self, session_id: str, problem: JidokaError) -> None:
        """Take in what is wrong with a session; the coordinators are told."""
        known = self._found.get(session_id)
        if known is not None and known.as_dict() == problem.as_dict():
            return
        self._found[session_id] = problem
        logger().error("a log is damaged", session_id=session_id, why=str(problem))
        task = asyncio.get_running_loop().create_task(self._tell(session_id), name="tell")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        self._changed(session_id)

    async def back(self, session_id: str, tombstone: Head) -> None:
        """Take in that the log of a deleted session has lost its end, the tombstone."""
        self._marks[session_id] = tombstone
        await self._examine(session_id)

    def gone(self, session_id: str) -> None:
        """Forget what was wrong with a session that is deleted now."""
        self._found.pop(session_id, None)

    def follow(self, session_id: str, entry: Entry) -> None:
        """Take in the next event of the stream; it has to fit to what is known of its session."""
        if entry.envelope.sequence is None or entry.envelope.name == TOMBSTONE:
            return
        if entry.sequence == 1:
            self._sound.add(session_id)  # it is seen from its birth on
        if misunderstood(entry) is not None:
            self.suspect(session_id)
        before = self._sessions.rows.get(session_id)
        if before is None or entry.head.cursor <= before.cursor:
            return
        try:
            check_follows(entry, before.head)
        except LogDamaged:
            self.suspect(session_id)  # or a stranger's message stands between: who reads it knows

    # --- before a session is served ---

    def is_sound(self, session_id: str) -> bool:
        """Tell whether the log of a session was read whole since it was last in doubt."""
        return session_id in self._sound or session_id in self._sessions.born_here

    def suspect(self, session_id: str) -> None:
        """Have the log of a session read whole before anything more is done for it."""
        self._sound.discard(session_id)
        self.examine_soon(session_id)

    def examine_soon(self, session_id: str) -> None:
        """Read the log of a session whole; whoever waits for it is woken."""
        if session_id in self._reading:
            return
        task = asyncio.get_running_loop().create_task(
            self._until_examined(session_id), name=f"examine {session_id}"
        )
        self._reading[session_id] = task
        task.add_done_callback(lambda _: self._reading.pop(session_id, None))

    def check_up_to(self, session_id: str, at: int | None) -> None:
        """Return if a session is known to be sound up to its event `at`; None: all of it.

        Raises:
            LogDamaged, UnsupportedVersion: it is not.
        """
        found = self.of(session_id)
        is_before = isinstance(found, LogDamaged) and at is not None and at < found.first
        if found is not None and not is_before:
            raise found

    async def check(self, session_id: str) -> None:
        """Return if the log of a session still is as long as it was known to be.

        Raises:
            LogDamaged, UnsupportedVersion: nothing may be added to it.
        """
        if (found := self.of(session_id)) is not None:
            raise found
        row = self._sessions.rows.get(session_id)
        if row is None:
            return
        try:
            await self._log.check(session_id, row.head)
        except LogDamaged as damage:
            await self._examine(session_id)
            raise self._found.get(session_id) or damage from None

    async def examine(self, session_id: str) -> JidokaError | None:
        """Read a log whole now; return what is wrong with it."""
        await self._examine(session_id)
        return self._found.get(session_id)

    async def _until_examined(self, session_id: str) -> None:
        while True:
            try:
                async with self._room:
                    await self._examine(session_id)
                break
            except JidokaError as problem:
                logger().warning("a log cannot be read yet", code=problem.code)
                await asyncio.sleep(RETRY_S)
        self._changed(session_id)

    async def _examine(self, session_id: str) -> None:
        row, mark = self._sessions.rows.get(session_id), self._marks.get(session_id, Head())
        if row is not None and row.sequence > mark.sequence:
            mark = row.head
        problem = await examined(self._log, session_id, mark)
        if problem is not None:
            self.note(session_id, problem)
        else:
            self._found.pop(session_id, None)
            self._sound.add(session_id)

    # --- as long as we lead ---

    async def watch(
        self,
        marks: Mapping[str, Head],
        every_s: float | None,
        changed: Callable[[str], None],
        deleted: Callable[[], Iterable[str]],
    ) -> None:
        """Read all logs now and every `every_s`, compare them after each outage, for ever.

        `changed` is told of each session whose state is another; `deleted` gives those that are.

        Raises:
            Unavailable: logs are shorter than what was read of them: all is to be read again.
        """
        self._marks, self._changed = {**marks, **self._marks}, changed
        back = asyncio.Event()
        forget = self._bus.on_reconnect(back.set)
        try:
            while True:
                await _unless(back, self.patrol())
                with suppress(TimeoutError):
                    async with asyncio.timeout(every_s):
                        await back.wait()
                if back.is_set():
                    back.clear()
                    await self._compare_again(deleted())
        finally:
            forget()
            await all_ended((*self._reading.values(), *self._telling), 0)

    async def patrol(self) -> None:
        """Read every log whole, one after the other."""
        for session_id in self._marks.keys() | self._sessions.rows.keys():
            try:
                await self._examine(session_id)
            except JidokaError as problem:
                logger().warning("a log was not read", session_id=session_id, code=problem.code)
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(PAUSE_S)

    async def _compare_again(self, deleted: Iterable[str]) -> None:
        heads = {row.session_id: row.head for row in self._sessions.rows.values()}
        self._sound.clear()
        try:
            is_shorter = await head_of(self._bus) < self._sessions.cursor
            is_shorter = is_shorter or bool(await compare(self._log, heads))
            is_shorter = is_shorter or bool(await risen(self._log, deleted))
        except JidokaError:
            return  # away again: the next reconnect asks again
        if is_shorter:
            raise Unavailable(part="the log", why="it ends before what was read of it")

    async def _tell(self, session_id: str) -> None:
        with suppress(JidokaError):  # who did not hear of it asks after a reconnect
            await self._bus.publish(subjects.LOG_DAMAGED, session_id.encode())


async def _unless(happens: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do `work`, but leave it as soon as something happens: it may wait for what is gone."""
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work, name="patrol")
        waiting = tasks.create_task(happens.wait(), name="patrol: is it in vain")
        working.add_done_callback(lambda _: waiting.cancel())
        waiting.add_done_callback(lambda _: working.cancel())


def abandoned(row: SessionRow) -> SessionTerminationRequested | None:
    """Return what is recorded of a damaged session that is to end, None where it does.

    Raises:
        SessionNotFound: nothing is left of it; it can be deleted.
    """
    if not row.sequence:
        raise SessionNotFound(asked=row.session_id)
    if row.asked == "terminate" or row.status in (Status.TERMINATING, Status.TERMINATED):
        return None
    return SessionTerminationRequested(origin="", reason="log_damaged")


def gives_life(step: Step) -> bool:
    """Tell whether a worker would begin."""
    match step:
        case Start() | Record(event=WorkerAssigned()):
            return True
        case _:
            return False
