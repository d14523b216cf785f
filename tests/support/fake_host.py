"""An agent host without processes: it answers as one, and its workers live when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from nats.aio.msg import Msg

from jidoka.bus.buckets import HostDirectory
from jidoka.bus.connection import Bus
from jidoka.contract.content import ErrorInfo
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import (
    HostBeat,
    HostReply,
    WorkerExited,
    WorkerReady,
    WorkerStart,
    WorkerState,
    WorkerStop,
)
from jidoka.contract.subjects import WORKER_EXITED, WORKER_READY, host_requests, name_of


class FakeHost:
    """One agent host; `workers` are those that live."""

    def __init__(
        self,
        bus: Bus,
        name: str = "h1",
        *,
        pid: int = 100,
        capacity: int = 256,
        beat_s: float = 0.2,
    ) -> None:
        self.name = name
        self.pid = pid
        self.workers: dict[str, WorkerState] = {}
        self.started: list[WorkerStart] = []
        self.stopped: list[WorkerStop] = []
        self.refusal: ErrorInfo | None = None
        """What starts are refused with."""
        self.crashing = False
        """Whether each worker dies right after it was ready."""
        self.on_start: Callable[[WorkerStart], None] = lambda _: None
        self._bus = bus
        self._capacity = capacity
        self._beat_s = beat_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_pid = pid * 1000

    async def __aenter__(self) -> FakeHost:
        """Begin to serve and to beat."""
        self._subscription = await self._bus.subscribe(host_requests(self.name), self._take)
        await self._bus.barrier()
        await self.beat()
        self._beating = asyncio.create_task(self._beat_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Vanish without a word."""
        await self._bus.unsubscribe(self._subscription)
        for task in (self._beating, *self._tasks):
            task.cancel()
        await asyncio.wait({self._beating, *self._tasks})

    async def beat(self) -> None:
        """Give one sign of life."""
        beat = HostBeat(
            host=self.name, pid=self.pid, workers=len(self.workers), capacity=self._capacity
        )
        await HostDirectory(self._bus).beat(beat)

    async def kill(self, session_id: str) -> None:
        """Let a worker die of signal 9, and report it."""
        state = self.workers.pop(session_id)
        await self._exited(state, 9)

    async def leave(self, session_id: str) -> None:
        """Let a worker exit by itself, and report it."""
        state = self.workers.pop(session_id)
        await self._exited(state, None)

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            with suppress(JidokaError):
                await self.beat()

    async def _take(self, message: Msg) -> None:
        task = asyncio.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Msg) -> None:
        match name_of(message.subject):
            case "worker.start":
                reply = await self._start(WorkerStart.model_validate_json(message.data))
            case "worker.stop":
                reply = self._stop(WorkerStop.model_validate_json(message.data))
            case _:
                reply = HostReply(workers=tuple(self.workers.values()))
        await self._bus.publish(message.reply, reply.model_dump_json().encode())

    async def _start(self, start: WorkerStart) -> HostReply:
        self.started.append(start)
        self.on_start(start)
        if self.refusal is not None:
            return HostReply(ok=False, error=self.refusal)
        known = self.workers.get(start.session_id)
        if known is not None and known.epoch >= start.epoch:
            return HostReply(pid=known.pid, workers=(known,))
        self._next_pid += 1
        state = WorkerState(session_id=start.session_id, epoch=start.epoch, pid=self._next_pid)
        self.workers[start.session_id] = state
        task = asyncio.create_task(self._live(state))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return HostReply(pid=state.pid, workers=(state,))

    async def _live(self, state: WorkerState) -> None:
        ready = WorkerReady(
            session_id=state.session_id, epoch=state.epoch, host=self.name, pid=state.pid
        )
        await self._tell(WORKER_READY, ready.model_dump_json())
        if self.crashing and self.workers.pop(state.session_id, None):
            await self._exited(state, 11)

    def _stop(self, stop: WorkerStop) -> HostReply:
        self.stopped.append(stop)
        self.workers.pop(stop.session_id, None)
        return HostReply()

    async def _exited(self, state: WorkerState, signal: int | None) -> None:
        exited = WorkerExited(
            session_id=state.session_id,
            epoch=state.epoch,
            host=self.name,
            pid=state.pid,
            signal=signal,
            exit_code=None if signal else 0,
        )
        await self._tell(WORKER_EXITED, exited.model_dump_json())

    async def _tell(self, subject: str, body: str) -> None:
        for _ in range(100):
            try:
                await self._bus.request(subject, body.encode(), 1.0)
            except JidokaError:
                await asyncio.sleep(0.05)
            else:
                return
