"""What is known of the workers beside the log: where they run, and whether they still do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from jidoka.contract.errors import NoHost
from jidoka.contract.internal import HostBeat, HostReply, WorkerExited, WorkerReady, WorkerState
from jidoka.core.lifecycle import Worker
from jidoka.core.placement import HostLoad


class Workers:
    """The newest worker of each session; everything here is learnt again from the hosts."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}
        self.placeless: dict[str, NoHost] = {}
        """Sessions that wait for a place and why, the longest waiting first."""

    def of(self, session_id: str) -> Worker | None:
        """Return the newest worker of a session."""
        return self._workers.get(session_id)

    def pid_of(self, session_id: str) -> int | None:
        """Return the process of a session's worker, None where none lives."""
        worker = self._workers.get(session_id)
        return None if worker is None or worker.gone else worker.pid

    def loads(self, alive: Collection[HostBeat]) -> tuple[HostLoad, ...]:
        """Return the hosts that are alive, with all the workers that they have or shall have."""
        mine = Counter(worker.host for worker in self._workers.values() if not worker.gone)
        return tuple(
            HostLoad(
                beat.host,
                max(beat.workers, mine[beat.host]),
                beat.capacity,
                beat.machine,
                beat.shared_folders,
                beat.lease_s,
            )
            for beat in alive
        )

    def assigned(self, session_id: str, epoch: int, host: str) -> None:
        """Note that a worker is to be started, unless it was: from here on it takes a place."""
        known = self._workers.get(session_id)
        if known is None or known.epoch < epoch:
            self._workers[session_id] = Worker(epoch, host, started=False)

    def used_up(self, session_id: str) -> None:
        """Note that another leader may have started a worker with the first epoch."""
        another = Worker(1, "", gone=True, reason="not_started")
        self._workers.setdefault(session_id, another)

    def starting(self, session_id: str, epoch: int, host: str) -> None:
        """Note that a host is asked to start a worker."""
        self._workers[session_id] = Worker(epoch, host)

    def unstarted(self, session_id: str, epoch: int) -> None:
        """Note that the host never heard of it."""
        worker = self._workers.get(session_id)
        if worker is not None and worker.epoch == epoch and not worker.gone:
            self._workers[session_id] = replace(worker, started=False)

    def started(self, session_id: str, epoch: int, reply: HostReply) -> None:
        """Note what the host said."""
        worker = self._workers.get(session_id)
        if worker is None or worker.epoch != epoch:
            return
        if reply.ok:
            self._workers[session_id] = replace(worker, pid=reply.pid or worker.pid)
        elif not worker.gone:
            self._workers[session_id] = replace(
                worker, gone=True, reason="not_started", error=reply.error
            )

    def ready(self, ready: WorkerReady) -> None:
        """Note that a worker lives and listens; it may say so before its host does."""
        known = self._workers.get(ready.session_id)
        if known is None or known.epoch <= ready.epoch:
            found = Worker(ready.epoch, ready.host, ready.pid, ready=True)
            if known is None or known.epoch < ready.epoch or not known.gone:
                self._workers[ready.session_id] = found

    def exited(self, exited: WorkerExited) -> None:
        """Note that a worker is gone or frozen."""
        known = self._workers.get(exited.session_id)
        if known is None or known.epoch > exited.epoch:
            return
        reason = "frozen" if exited.frozen else "killed" if exited.signal else "exited"
        self._workers[exited.session_id] = Worker(
            exited.epoch,
            exited.host,
            exited.pid,
            gone=True,
            signal=exited.signal,
            exit_code=exited.exit_code,
            reason=reason,
        )

    def stopped(self, session_id: str, epoch: int) -> None:
        """Note that a worker was ended and seen gone."""
        worker = self._workers.get(session_id)
        if worker is None or worker.epoch <= epoch:
            host = worker.host if worker else ""
            self._workers[session_id] = Worker(epoch, host, gone=True, reason="stopped")

    def adopt(self, host: str, states: Iterable[WorkerState]) -> None:
        """Take in what a host says that lives there; what it does not name there is gone."""
        living = {state.session_id: state for state in states}
        for session_id, worker in list(self._workers.items()):
            is_known = worker.pid is not None and not worker.gone
            if worker.host == host and is_known and session_id not in living:
                self._workers[session_id] = replace(worker, gone=True)
        for session_id, state in living.items():
            known = self._workers.get(session_id)
            if known is None or known.epoch < state.epoch:
                self._workers[session_id] = Worker(state.epoch, host, state.pid, ready=True)

    def lose(self, host: str) -> None:
        """Take all workers of a host for gone."""
        for session_id, worker in list(self._workers.items()):
            if worker.host == host:
                lost = replace(worker, gone=True, reason="host_lost")
                self._workers[session_id] = worker if worker.gone else lost

    def forget(self, session_id: str) -> None:
        """Know nothing of a session's worker any more."""
        self._workers.pop(session_id, None)
