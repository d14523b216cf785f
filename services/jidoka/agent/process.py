"""The process of one worker: its adapters are paired here, after the fork.

What it inherits from the zygote is loaded code and what the probe of the sandbox found. It makes
its own loop and connection. It shows its host every second that its loop turns; when the host is
gone, so is it: the lifeline breaks, and with the worker its sandbox ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from jidoka.agent.clock import new_id
from jidoka.agent.gate import project_rules
from jidoka.agent.pairing import LazyPerformer, kinds_of_tools, paired, toolbox_of
from jidoka.agent.project import Project
from jidoka.agent.recorder import Recorder
from jidoka.agent.session import LiveSession
from jidoka.agent.snapshots import SnapshotKeeper
from jidoka.agent.warm_up import WARM_ROUNDS, filled_holes, warm_up
from jidoka.agent.worker import work
from jidoka.agent.zygote_protocol import WorkerSettings
from jidoka.bus.buckets import Snapshots
from jidoka.bus.connection import Bus, connect
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract.errors import JidokaError, LogDamaged
from jidoka.contract.internal import WorkerReady, WorkerStart
from jidoka.contract.subjects import WORKER_READY
from jidoka.core.permission import Kinds, Rules
from jidoka.core.rules import parse_rules
from jidoka.sandbox.probe import ProbedSandbox
from jidoka.tools.background import BackgroundShells

log = logging.getLogger(__name__)

EX_OK = 0
EX_HOST_GONE = 69
EX_DAMAGED = 74
"""The log could not be followed: the session-manager looks at it before another worker starts."""
EX_LOCKED = 75
_BEAT_S = 1.0
_READY_AGAIN_S = 0.25
_REQUEST_S = 2.0
_LOCK_TRIES = 100


@dataclass(frozen=True, slots=True)
class Preloaded:
    """What the zygote has found out for all its workers."""

    sandbox: ProbedSandbox
    kinds: Kinds
    rules: Rules
    """Permission rules of this machine."""
    ballast: list[bytes]


class _HostGone(Exception):  # noqa: N818 - no error: the end of a worker
    """The lifeline broke."""


class _LockedError(Exception):
    """Another process holds the project folder."""


def preload(settings: WorkerSettings) -> Preloaded:
    """Do once what every worker would do, so that they share it; call before the first fork.

    Raises:
        JidokaError: the broker cannot be reached, or a permission rule is none.
    """
    rules = parse_rules(settings.permission_rules, "permission_rules")
    for _ in range(WARM_ROUNDS):
        asyncio.run(_warm(settings))
    sandbox = ProbedSandbox(mode=settings.sandbox, tool_folders=settings.tool_folders)
    asyncio.run(sandbox.choice())
    return Preloaded(sandbox, kinds_of_tools(settings.fetch_hosts), rules, filled_holes())


async def _warm(settings: WorkerSettings) -> None:
    async with await connect(settings.nats_url, name="zygote-warm-up") as bus:
        await warm_up(bus)


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker, right after the fork."""

    settings: WorkerSettings
    preloaded: Preloaded
    start: WorkerStart
    lifeline: int
    """The descriptor by which host and worker know of each other."""

    def run(self) -> int:
        """Serve the session; return the exit code of the process."""
        code = EX_OK
        try:
            asyncio.run(self._serve())
        except* _HostGone:
            code = EX_HOST_GONE
        except* _LockedError:
            code = EX_LOCKED
        except* LogDamaged as damage:
            log.error("the log of %s is damaged: %s", self.start.session_id, damage.exceptions)
            code = EX_DAMAGED
        return code

    async def _serve(self) -> None:
        session = LiveSession(self.start.session_id)
        leave = partial(session.leave, "asked to")
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
        async with asyncio.TaskGroup() as tasks:
            lifeline = socket.socket(fileno=self.lifeline)
            beat = tasks.create_task(_show_life(lifeline), name="lifeline")
            try:
                name = f"worker-{self.start.session_id}"
                async with await connect(self.settings.nats_url, name=name) as bus:
                    await self._work(bus, session)
            finally:
                beat.cancel()

    async def _work(self, bus: Bus, session: LiveSession) -> None:
        source = f"/jidoka/worker/{self.settings.host}-{os.getpid()}"
        kinds, epoch = self.preloaded.kinds, self.start.epoch
        rules = (*self.preloaded.rules, *project_rules(self.start.project_path))
        recorder = Recorder(NatsEventLog(bus), session, epoch, source, kinds, new_id, rules)
        snapshots = SnapshotKeeper(Snapshots(bus), session)
        async with asyncio.TaskGroup() as tasks, BackgroundShells() as shells:
            greeting = tasks.create_task(_greet(bus, self.settings, self.start), name="ready")
            project = Project(self.start.project_path, self._sandbox())
            box = partial(toolbox_of, shells, self.settings.fetch_hosts)
            home = self.settings.home
            checks = self.settings.diagnostics == "auto"
            perform = LazyPerformer(
                lambda: paired(bus, recorder, project, box(), home, checks=checks)
            )
            try:
                reason = await work(recorder, perform, snapshots, self._lock)
            finally:
                greeting.cancel()
                project.close()
        log.info("the worker of %s leaves: %s", self.start.session_id, reason)

    def _sandbox(self) -> ProbedSandbox:
        return ProbedSandbox(mode="off") if self.start.sandbox == "off" else self.preloaded.sandbox

    async def _lock(self) -> None:
        await _lock_project(self.start)


async def _greet(bus: Bus, settings: WorkerSettings, start: WorkerStart) -> None:
    """Tell the session-manager that this worker lives, until it has heard."""
    ready = WorkerReady(
        session_id=start.session_id, epoch=start.epoch, host=settings.host, pid=os.getpid()
    )
    while True:
        with suppress(JidokaError):
            await bus.request(WORKER_READY, ready.model_dump_json().encode(), _REQUEST_S)
            return
        await asyncio.sleep(_READY_AGAIN_S)


async def _show_life(lifeline: socket.socket) -> None:
    """Send a beat every second, and see at once when the host has let go of the other end."""
    lifeline.setblocking(False)
    loop, hung_up = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(lifeline, hung_up.set)  # the host never writes: readable means hung up
    try:
        while True:
            _beat(lifeline)
            with suppress(TimeoutError):
                async with asyncio.timeout(_BEAT_S):
                    await hung_up.wait()
                    raise _HostGone
    finally:
        loop.remove_reader(lifeline)


def _beat(lifeline: socket.socket) -> None:
    try:
        lifeline.send(b".")
    except BlockingIOError:
        log.debug("the host has not read for a while")
    except OSError:
        raise _HostGone from None


async def _lock_project(start: WorkerStart) -> None:
    """Hold the folder for the life of this process: nobody else's worker runs tools in it.

    Raises:
        _LockedError: another process holds it and did not let go within 10 s.
    """
    try:
        folder = os.open(start.project_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return  # the folder is gone: there is nothing to hold, and each tool says so
    kind = fcntl.LOCK_SH if start.shared else fcntl.LOCK_EX
    for _ in range(_LOCK_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(folder, kind | fcntl.LOCK_NB)
            return
        await asyncio.sleep(0.1)
    log.error("%s is locked by another process", start.project_path)
    raise _LockedError
