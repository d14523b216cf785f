"""The workers of this host: started, watched, ended, and seen to be gone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from jidoka.agent.zygote_link import ZygoteLink
from jidoka.contract.errors import Unavailable
from jidoka.contract.internal import WorkerExited, WorkerStart, WorkerState, WorkerStop
from jidoka.core.placement import is_beneath
from jidoka.sandbox.control_groups import clear_groups_of

log = logging.getLogger(__name__)

FROZEN_S = 8.0
"""A worker that shows no sign of life for so long is frozen."""
_STATUS_S = 1.0
"""How long the zygote has to say how a process ended."""

_STRAY_ROUNDS = 200

Report = Callable[[WorkerExited], Awaitable[None]]


@dataclass(slots=True)
class _Worker:
    start: WorkerStart
    pid: int
    pidfd: int
    started_ticks: int
    lifeline: socket.socket
    gone: asyncio.Future[tuple[int | None, int | None]]
    """Exit code and signal, as far as they are known."""
    status: asyncio.Future[tuple[int | None, int | None]]
    last_sign_s: float
    frozen: bool = False

    def state(self) -> WorkerState:
        return WorkerState(
            session_id=self.start.session_id,
            epoch=self.start.epoch,
            pid=self.pid,
            started_ticks=self.started_ticks,
        )


@dataclass(slots=True)
class Workers:
    """All workers that this host has started. One session has at most one."""

    host: str
    report: Report
    tasks: asyncio.TaskGroup
    zygote: ZygoteLink = field(init=False)
    _not_mine: frozenset[int] = field(default_factory=lambda: frozenset(children_of(os.getpid())))
    """Children that this process had before: no orphans of workers."""
    _workers: dict[str, _Worker] = field(default_factory=dict)
    _by_pid: dict[int, _Worker] = field(default_factory=dict)

    def states(self) -> tuple[WorkerState, ...]:
        """Return the live workers."""
        return tuple(worker.state() for worker in self._workers.values())

    def __len__(self) -> int:
        """Return how many workers live."""
        return len(self._workers)

    async def start(self, start: WorkerStart) -> WorkerState:
        """Start the worker of a session; one of an older epoch is ended first and seen gone.

        Asked again for the same epoch, it returns the one that runs.

        Raises:
            Unavailable: it could not be started.
        """
        known = self._workers.get(start.session_id)
        if known and known.start.epoch >= start.epoch:
            return known.state()
        if known:
            await self._end(known, grace_s=0.0)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                pid = await self.zygote.start_worker(start, theirs)
            except BaseException:
                ours.close()
                raise
        try:
            return self._watch(start, pid, ours).state()
        except ProcessLookupError:  # killed so soon that the zygote has waited for it already
            ours.close()
            raise Unavailable(part="the worker", why="it was gone at once") from None

    async def stop(self, stop: WorkerStop) -> None:
        """End a worker of at most that epoch; return when it is gone with all that it started."""
        worker = self._workers.get(stop.session_id)
        if worker and worker.start.epoch <= stop.epoch:
            await self._end(worker, stop.grace_s)

    async def stop_all(self, grace_s: float) -> None:
        """End all workers at once."""
        ends = [self._end(worker, grace_s) for worker in list(self._workers.values())]
        await asyncio.gather(*ends)

    async def stop_beneath(self, folders: Collection[str]) -> int:
        """End at once all workers whose project lies in one of `folders`; return how many."""
        mine = [
            worker
            for worker in self._workers.values()
            if any(is_beneath(worker.start.project_path, folder) for folder in folders)
        ]
        await asyncio.gather(*(self._end(worker, 0.0) for worker in mine))
        return len(mine)

    def zygote_saw_exit(self, pid: int, exit_code: int | None, number: int | None) -> None:
        """Take the status that the zygote has waited for."""
        worker = self._by_pid.get(pid)
        if worker and not worker.status.done():
            worker.status.set_result((exit_code, number))

    def zygote_is_gone(self) -> None:
        """End what it was about to do: its workers are known, all else that it left is nobody's."""
        self.tasks.create_task(self.end_strays(), name="strays of the zygote")

    async def watch_for_frozen(self) -> None:
        """Report every worker that shows no sign of life any more, once."""
        while True:
            await asyncio.sleep(1.0)
            now_s = asyncio.get_running_loop().time()
            for worker in list(self._workers.values()):
                if not worker.frozen and now_s - worker.last_sign_s > FROZEN_S:
                    worker.frozen = True
                    log.warning("worker %s of %s is frozen", worker.pid, worker.start.session_id)
                    await self.report(self._exited(worker, None, None, frozen=True))

    # --- inside ---

    def _watch(self, start: WorkerStart, pid: int, lifeline: socket.socket) -> _Worker:
        loop = asyncio.get_running_loop()
        worker = _Worker(
            start=start,
            pid=pid,
            pidfd=os.pidfd_open(pid),
            started_ticks=started_ticks(pid),
            lifeline=lifeline,
            gone=loop.create_future(),
            status=loop.create_future(),
            last_sign_s=loop.time(),
        )
        self._workers[start.session_id] = self._by_pid[pid] = worker
        loop.add_reader(lifeline, self._sign_of_life, worker)
        loop.add_reader(worker.pidfd, self._ended, worker)
        return worker

    def _sign_of_life(self, worker: _Worker) -> None:
        with suppress(OSError):
            if worker.lifeline.recv(4096):
                worker.last_sign_s = asyncio.get_running_loop().time()
                return
        asyncio.get_running_loop().remove_reader(worker.lifeline)

    def _ended(self, worker: _Worker) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(worker.pidfd)
        loop.remove_reader(worker.lifeline)
        self.tasks.create_task(self._bury(worker), name=f"bury {worker.pid}")

    async def _bury(self, worker: _Worker) -> None:
        """Learn how it ended, end what it left behind, tell the session-manager."""
        exit_code, number = await self._status_of(worker)
        worker.lifeline.close()
        os.close(worker.pidfd)
        del self._by_pid[worker.pid]
        if self._workers.get(worker.start.session_id) is worker:
            del self._workers[worker.start.session_id]
        await self.end_strays()
        worker.gone.set_result((exit_code, number))
        await self.report(self._exited(worker, exit_code, number))
        if exit_code != 0:  # it had no time to tidy up
            await clear_groups_of(worker.pid)

    async def _status_of(self, worker: _Worker) -> tuple[int | None, int | None]:
        with suppress(ChildProcessError, TimeoutError):
            ended = os.waitid(os.P_PIDFD, worker.pidfd, os.WEXITED | os.WNOHANG)  # noqa: ASYNC222 - it does not wait
            if ended:  # the zygote is gone, so the orphan was ours to wait for
                killed = ended.si_code != os.CLD_EXITED
                return (None, ended.si_status) if killed else (ended.si_status, None)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STATUS_S):
                return await worker.status
        return None, None

    async def _end(self, worker: _Worker, grace_s: float) -> None:
        for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 30.0)):
            if patience_s <= 0:
                continue
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(worker.pidfd, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await asyncio.shield(worker.gone)
                    return

    async def end_strays(self) -> None:
        """End the orphans that a dead worker left to this host, its subreaper, and theirs."""
        for _ in range(_STRAY_ROUNDS):
            mine = {self.zygote.pid, *self._by_pid, *self._not_mine}
            strays = [pid for pid in children_of(os.getpid()) if pid not in mine]
            if not strays:
                return
            for pid in strays:
                with suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
            await asyncio.sleep(0.01)

    def _exited(
        self, worker: _Worker, exit_code: int | None, number: int | None, *, frozen: bool = False
    ) -> WorkerExited:
        return WorkerExited(
            session_id=worker.start.session_id,
            epoch=worker.start.epoch,
            host=self.host,
            pid=worker.pid,
            exit_code=exit_code,
            signal=number,
            frozen=frozen,
        )


def started_ticks(pid: int) -> int:
    """Return when a process began, in clock ticks since boot; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found.extend(int(child) for child in task.read_text(encoding="ascii").split())
    return found
