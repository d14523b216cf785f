"""Keeps every session as it should be: asks `next_step`, does it, asks again, until it may rest.

One task a session at a time. It is woken by every change of the session's row, by what the hosts
say of its worker, and by the clock where a step is due later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime

from jidoka.bus.outcome import begun
from jidoka.contract.content import ErrorInfo, Sharing
from jidoka.contract.errors import JidokaError, NoHost, SessionNotFound, Unavailable
from jidoka.contract.events import Event, WorkerAssigned
from jidoka.contract.internal import (
    HostBeat,
    HostReply,
    WorkerExited,
    WorkerReady,
    WorkerStart,
    WorkerState,
    WorkerStop,
)
from jidoka.core.lifecycle import Given, Record, Rest, Rules, Start, Step, Stop, next_step
from jidoka.core.placement import Former, place
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.damage import Damage, gives_life
from jidoka.session_manager.ports import Hosts
from jidoka.session_manager.sessions import Sessions
from jidoka.session_manager.workers import Workers
from jidoka.telemetry import bound, logger

RETRY_S = 0.5
HOST_PATIENCE_S = 6.0
"""After a take-over, how long a host may take to be heard before it counts as lost."""


class Keeper:
    """The sessions' caretaker while this program leads."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        workers: Workers,
        hosts: Hosts,
        damage: Damage,
        rules: Rules,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], datetime],
    ) -> None:
        self._sessions = sessions
        self._workers = workers
        self._hosts = hosts
        self._damage = damage
        self._rules = rules
        self._tasks = tasks
        self._clock = clock
        self._at_work: dict[str, bool] = {}
        """Session → whether it is to be looked at once more."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._changed_s: dict[str, float] = {}
        self._asked_s: dict[str, float] = {}
        self._weights: dict[str, tuple[object, ...]] = {}
        self._heard: set[str] = set()
        loop = asyncio.get_running_loop()
        self._trust_until_s = loop.time() + HOST_PATIENCE_S
        self._timers[""] = loop.call_later(HOST_PATIENCE_S, self.wake_all)
        sessions.watch(self._row_changed)

    def wake(self, session_id: str) -> None:
        """Have a session looked at."""
        if session_id in self._at_work:
            self._at_work[session_id] = True
            return
        if session_id in self._sessions.rows:
            self._at_work[session_id] = False
            if not begun(self._tasks, self._keep(session_id), f"keep {session_id}"):
                del self._at_work[session_id]  # whoever leads next looks at it

    def wake_all(self) -> None:
        """Have every session looked at."""
        for session_id in list(self._sessions.rows):
            self.wake(session_id)

    def close(self) -> None:
        """Look at nothing any more."""
        for timer in self._timers.values():
            timer.cancel()

    # --- what others say ---

    def worker_ready(self, ready: WorkerReady) -> None:
        """Take in that a worker lives and listens."""
        self._workers.ready(ready)
        self.wake(ready.session_id)

    def worker_exited(self, exited: WorkerExited) -> None:
        """Take in that a worker is gone, or frozen."""
        self._workers.exited(exited)
        if exited.exit_code:
            self._damage.suspect(exited.session_id)
        self.wake(exited.session_id)
        self.place_free()

    def host_heard(self, host: str, states: Collection[WorkerState]) -> None:
        """Take in which workers a host has: those that it has not are gone."""
        self._workers.adopt(host, states)
        self._heard.add(host)
        self._wake_all_on(host)
        self.place_free()

    def host_gone(self, host: str) -> None:
        """Take in that a host shows no sign of life any more."""
        self._workers.lose(host)
        self._heard.discard(host)
        self._wake_all_on(host)

    def place_free(self) -> None:
        """Look at the sessions that wait for a place."""
        for session_id in list(self._workers.placeless):
            self.wake(session_id)

    def _wake_all_on(self, host: str) -> None:
        for row in list(self._sessions.rows.values()):
            if row.host == host:
                self.wake(row.session_id)

    def _row_changed(self, row: SessionRow) -> None:
        now_s = asyncio.get_running_loop().time()
        self._changed_s[row.session_id] = now_s
        if (weight := _weight(row)) == self._weights.get(row.session_id):
            return  # a turn goes on: nothing that a step depends on but the time
        self._weights[row.session_id] = weight
        if row.asked or row.status == "terminating":
            self._asked_s.setdefault(row.session_id, now_s)
        else:
            self._asked_s.pop(row.session_id, None)
        self.wake(row.session_id)

    # --- one session ---

    async def _keep(self, session_id: str) -> None:
        try:
            with bound(session_id=session_id):
                await self._until_rest(session_id)
        finally:
            del self._at_work[session_id]

    async def _until_rest(self, session_id: str) -> None:
        while (row := self._sessions.rows.get(session_id)) is not None:
            self._at_work[session_id] = False
            try:
                step = self._step(row)
                self._note_place(row, step)
                await self._do(row, step)
            except SessionNotFound:
                break
            except JidokaError as problem:
                logger().warning("a step failed", code=problem.code, why=str(problem))
                step = Rest(RETRY_S)
            if isinstance(step, Rest) and not self._at_work[session_id]:
                self._rest(session_id, step)
                break
        row = self._sessions.rows.get(session_id)
        if row is None or row.ended:
            self._forget(session_id)

    def _note_place(self, row: SessionRow, step: Step) -> None:
        if isinstance(step, Rest) and step.no_host:
            wanted = row.host or row.project_path
            no_host = NoHost(hosts=len(self._hosts.alive()), wanted=wanted)
            self._workers.placeless.setdefault(row.session_id, no_host)
        else:
            self._workers.placeless.pop(row.session_id, None)

    def _step(self, row: SessionRow) -> Step:
        ends = row.asked == "terminate" or row.status in ("terminating", "terminated")
        if self._damage.of(row.session_id) is not None and not ends:
            return self._held(row)  # nothing is built on a log of which a part is missing
        if row.epoch == 0 and row.session_id not in self._sessions.born_here:
            self._workers.used_up(row.session_id)
        step = next_step(row, self._workers.of(row.session_id), self._given(row))
        if gives_life(step) and not self._damage.is_sound(row.session_id):
            self._damage.examine_soon(row.session_id)
            return Rest()
        return step

    def _held(self, row: SessionRow) -> Step:
        """Return how the worker of a damaged session ends."""
        worker, alive = self._workers.of(row.session_id), self._hosts.alive()
        if worker is None or not worker.is_there or worker.host not in {b.host for b in alive}:
            return Rest()
        return Stop(worker.host, worker.epoch, 0.0)

    def _given(self, row: SessionRow) -> Given:
        now_s = asyncio.get_running_loop().time()
        alive = self._hosts.alive()
        loads, former = self._workers.loads(alive), self._former(row)
        return Given(
            now=self._clock(),
            quiet_s=now_s - self._changed_s.setdefault(row.session_id, now_s),
            asked_s=now_s - self._asked_s.get(row.session_id, now_s),
            host=place(loads, row.project_path, former),
            alive=self._alive(alive, row),
            heard=frozenset(self._heard),
            rules=self._rules,
            loads=loads,
            lease_left_s=former.left_s if former else None,
        )

    def _former(self, row: SessionRow) -> Former | None:
        if row.host is None:
            return None
        return Former(row.host, row.machine, row.lease_s, self._hosts.silent_s(row.host))

    def _alive(self, beats: Collection[HostBeat], row: SessionRow) -> frozenset[str]:
        alive = frozenset(beat.host for beat in beats)
        patient = asyncio.get_running_loop().time() < self._trust_until_s
        return alive | {row.host} if patient and row.host else alive

    async def _do(self, row: SessionRow, step: Step) -> None:
        match step:
            case Record():
                await self._record(row.session_id)
            case Start(host=host, epoch=epoch):
                self._workers.starting(row.session_id, epoch, host)
                starting = self._start(row, host, epoch)  # meanwhile its assignment is recorded
                begun(self._tasks, starting, f"start {row.session_id}")
            case Stop(host=host, epoch=epoch, grace_s=grace_s):
                stop = WorkerStop(session_id=row.session_id, epoch=epoch, grace_s=grace_s)
                await self._hosts.stop(host, stop)
                self._workers.stopped(row.session_id, epoch)
                self.place_free()
            case Rest():
                pass

    async def _record(self, session_id: str) -> None:
        decided: list[Event] = []

        def decide(row: SessionRow) -> Event | None:
            step = self._step(row)
            decided[:] = [step.event] if isinstance(step, Record) else []
            return decided[0] if decided else None

        await self._sessions.record(session_id, decide)
        match decided:
            case [WorkerAssigned(epoch=epoch, host=host)]:
                self._workers.assigned(session_id, epoch, host)
                self._sessions.born_here.discard(session_id)
            case _:
                pass

    async def _start(self, row: SessionRow, host: str, epoch: int) -> None:
        start = WorkerStart(
            session_id=row.session_id,
            epoch=epoch,
            project_path=row.project_path,
            sandbox=row.sandbox,
            shared=row.sharing == Sharing.SHARED,
        )
        try:
            reply = await self._hosts.start(host, start)
        except Unavailable as problem:
            logger().warning("a host does not answer", host=host, why=problem.why)
            await asyncio.sleep(RETRY_S)
            self._workers.unstarted(row.session_id, epoch)
        except JidokaError as problem:
            error = ErrorInfo.model_validate(problem.as_dict())
            self._workers.started(row.session_id, epoch, HostReply(ok=False, error=error))
        else:
            self._workers.started(row.session_id, epoch, reply)
        self.wake(row.session_id)

    def _rest(self, session_id: str, rest: Rest) -> None:
        if (timer := self._timers.pop(session_id, None)) is not None:
            timer.cancel()
        if rest.for_s is not None:
            loop = asyncio.get_running_loop()
            self._timers[session_id] = loop.call_later(rest.for_s, self.wake, session_id)

    def _forget(self, session_id: str) -> None:
        self._workers.placeless.pop(session_id, None)
        self._rest(session_id, Rest())
        self._changed_s.pop(session_id, None)
        self._asked_s.pop(session_id, None)
        self._weights.pop(session_id, None)
        self._workers.forget(session_id)


def _weight(row: SessionRow) -> tuple[object, ...]:
    """Return all of a row that `next_step` looks at, but for its times and numbers."""
    turn = row.turn_id if row.asked else None  # only who waits for its end looks at it
    busy = row.is_busy
    return (row.status, row.reason, row.asked, row.ended, row.epoch, row.gone_epoch, busy, turn)
