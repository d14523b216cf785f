"""What is to be done next for a session: its row and its worker in, one step out.

    initializing ─► active ⇄ idle                 a message wakes, quiet sends to rest
          └────────────┴───┬──► closed            put away by a person, resumed as idle
                           └──► terminating ─► terminated

The session-manager asks this after every change and does what it says, one step at a time, until
it says to rest. Every step either records an event, which changes the row, or changes what is
known of the worker. So a manager that dies anywhere leaves nothing that its successor would have
to be told: it asks the same question of the same log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeGuard

from jidoka.contract.content import ErrorInfo, Status
from jidoka.contract.errors import CrashLimit
from jidoka.contract.events import (
    Event,
    SessionStatusChanged,
    SessionTerminated,
    WorkerAssigned,
    WorkerLost,
)
from jidoka.core.placement import HostLoad
from jidoka.core.retry import crash_loop
from jidoka.core.session_row import SessionRow, moment_of

EXIT_BY_ITSELF_S = 10.0  # how long a worker that has nothing to do any more may take to leave


@dataclass(frozen=True, slots=True)
class Worker:
    """What is known of a session's newest worker, beside the log."""

    epoch: int
    host: str
    pid: int | None = None
    started: bool = True
    """Whether its host was asked to start it."""
    ready: bool = False
    gone: bool = False
    signal: int | None = None
    exit_code: int | None = None
    reason: str = "exited"
    """Why it is gone: `exited` `killed` `frozen` `host_lost` `not_started`."""
    error: ErrorInfo | None = None
    """Why it could not be started."""

    @property
    def is_there(self) -> bool:
        """Whether a process is there, be it frozen."""
        return self.started and (not self.gone or self.reason == "frozen")


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of a session's life, in seconds where they are times; None: none."""

    idle_s: float | None = 300.0
    max_age_s: float | None = None
    grace_s: float = 10.0
    restarts: int = 10
    window_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Given:
    """What a step depends on beside row and worker."""

    now: datetime
    quiet_s: float
    """Since something was recorded."""
    asked_s: float
    """Since a person's wish to close or end it was seen."""
    host: str | None
    """Where there is a place for a worker; None: nowhere."""
    alive: frozenset[str]
    """The hosts that show signs of life."""
    heard: frozenset[str]
    """The hosts that have said which workers they have."""
    rules: Rules
    loads: tuple[HostLoad, ...] = ()
    """What is known of those that are alive."""
    lease_left_s: float | None = None
    """How long a host on another machine has to wait yet before it may take over."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record this event, if the log is still where the row says."""

    event: Event


@dataclass(frozen=True, slots=True)
class Start:
    """Have this host start the worker of this epoch; it ends an older one first."""

    host: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Have this host end the worker, and see it gone."""

    host: str
    epoch: int
    grace_s: float


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing until something changes, or for `for_s` seconds."""

    for_s: float | None = None
    no_host: bool = False
    """It waits for a place."""


Step = Record | Start | Stop | Rest


def next_step(row: SessionRow, worker: Worker | None, given: Given) -> Step:
    """Return the one thing to do now for a session."""
    if row.status in (Status.TERMINATED, Status.CLOSED) and _is_left(worker, given):
        return Stop(worker.host, worker.epoch, 0.0)
    if row.status == Status.TERMINATED:
        return Rest() if row.ended else Record(_end(row, worker, given.rules))
    if row.status == Status.TERMINATING or row.asked == "terminate":
        return _terminate(row, worker, given)
    if row.asked == "close":
        return _close(row, worker, given)
    if row.status == Status.CLOSED:
        return Rest()
    if (left_s := _age_left_s(row, given)) is not None and left_s <= 0:
        return Record(_status(row, Status.TERMINATING, "age_limit"))
    if row.status == Status.IDLE:
        return _idle(row, worker, given)
    step = _live(row, worker, given)
    return Rest(_sooner(step.for_s, left_s), step.no_host) if isinstance(step, Rest) else step


def _live(row: SessionRow, worker: Worker | None, given: Given) -> Step:
    if row.epoch == 0 and worker is None and given.host is not None:
        return Start(given.host, 1)  # ahead of its assignment, for which it waits
    if row.status == Status.INITIALIZING and not row.reason:
        born = SessionStatusChanged(status=Status.INITIALIZING, reason="created")
        return Record(born)
    if not row.is_assigned:
        return _assign(row, worker, given)
    if row.host not in given.alive:
        return Record(WorkerLost(epoch=row.epoch, host=row.host or "", reason="host_lost"))
    if worker is None or worker.epoch < row.epoch:
        return _unknown(row, given)
    if worker.gone:
        return _gone(row, worker)
    if not worker.started:
        return Start(worker.host, worker.epoch)
    if not worker.ready:
        return Rest()
    if row.status == Status.INITIALIZING:
        return Record(_status(row, Status.ACTIVE, "created"))
    if row.is_busy or given.rules.idle_s is None:
        return Rest()
    left_s = given.rules.idle_s - given.quiet_s
    return Rest(left_s) if left_s > 0 else Record(_status(row, Status.IDLE, "idle_timeout"))


def _assign(row: SessionRow, worker: Worker | None, given: Given) -> Step:
    rules, losses = given.rules, [moment_of(loss) for loss in row.losses]
    window_s = rules.window_s
    if losses and crash_loop(losses, losses[-1], restarts=rules.restarts, window_s=window_s):
        return Record(_status(row, Status.TERMINATED, "crash_limit"))
    if worker is not None and worker.epoch > row.epoch:
        return _assign_ahead(row, worker, given)
    return _assigned(row, given.host, row.epoch + 1, given)


def _assign_ahead(row: SessionRow, worker: Worker, given: Given) -> Step:
    """Return how a worker that was started before its assignment gets it.

    If it is gone its epoch is used up: somewhere it may run yet.
    """
    if not worker.gone:
        return _assigned(row, worker.host, worker.epoch, given)
    if worker.error is not None and not worker.error.retryable:
        return Record(_status(row, Status.TERMINATED, worker.error.code))
    return _assigned(row, given.host, worker.epoch + 1, given)


def _assigned(row: SessionRow, host: str | None, epoch: int, given: Given) -> Step:
    if host is None:
        return Rest(given.lease_left_s, no_host=True)
    reason = "created" if row.epoch == 0 else "message" if row.reason == "message" else "lost"
    event = WorkerAssigned(host=host, epoch=epoch, reason=reason)
    for load in given.loads:
        if load.host == host:
            lease_s = load.lease_on(row.project_path)
            event = event.model_copy(update={"machine": load.machine, "lease_s": lease_s})
    return Record(event)


def _unknown(row: SessionRow, given: Given) -> Step:
    """Return what becomes of a worker that was assigned and that nobody has seen.

    It is never started with the same epoch: it may have run, and what it began would be taken for
    the new one's own.
    """
    if row.host not in given.heard:
        return Rest()
    return Record(WorkerLost(epoch=row.epoch, host=row.host or "", reason="exited"))


def _gone(row: SessionRow, worker: Worker) -> Step:
    if worker.error is not None and not worker.error.retryable:
        return Record(_status(row, Status.TERMINATED, worker.error.code))
    return Record(
        WorkerLost(
            epoch=row.epoch,
            host=worker.host,
            signal=worker.signal,
            exit_code=worker.exit_code,
            reason=worker.reason,
        )
    )


def _idle(row: SessionRow, worker: Worker | None, given: Given) -> Step:
    if row.is_busy:
        if given.host is None:
            return Rest(given.lease_left_s, no_host=True)
        return Record(_status(row, Status.ACTIVE, "message"))
    if not _is_left(worker, given):
        return Rest(_age_left_s(row, given))
    if given.quiet_s < EXIT_BY_ITSELF_S:
        return Rest(_sooner(EXIT_BY_ITSELF_S - given.quiet_s, _age_left_s(row, given)))
    return Stop(worker.host, worker.epoch, 0.0)


def _close(row: SessionRow, worker: Worker | None, given: Given) -> Step:
    return _put_down(row, worker, given) or Record(_status(row, Status.CLOSED, "closed"))


def _terminate(row: SessionRow, worker: Worker | None, given: Given) -> Step:
    if row.status != Status.TERMINATING:
        return Record(_status(row, Status.TERMINATING, "terminate_requested"))
    done = Record(_status(row, Status.TERMINATED, row.reason))
    return _put_down(row, worker, given) or done


def _put_down(row: SessionRow, worker: Worker | None, given: Given) -> Step | None:
    """Return how to get the worker out of the way, None when there is none."""
    if worker is None and row.is_assigned:
        worker = Worker(row.epoch, row.host or "")  # assigned before our time
    if not _is_left(worker, given):
        return None
    left_s = given.rules.grace_s - given.asked_s
    if row.turn_id and worker.ready and left_s > 0:
        return Rest(left_s)  # it was told in the log, and ends the turn by itself
    return Stop(worker.host, worker.epoch, max(left_s, 0.0))


def _is_left(worker: Worker | None, given: Given) -> TypeGuard[Worker]:
    return worker is not None and worker.is_there and worker.host in given.alive


def _status(row: SessionRow, status: Status, reason: str) -> SessionStatusChanged:
    previous = Status(row.status)
    return SessionStatusChanged(status=status, previous_status=previous, reason=reason)


def _end(row: SessionRow, worker: Worker | None, rules: Rules) -> SessionTerminated:
    error = _error(row, worker, rules)
    return SessionTerminated(reason=row.reason, totals=row.totals, error=error)


def _error(row: SessionRow, worker: Worker | None, rules: Rules) -> ErrorInfo | None:
    if row.reason == "crash_limit":
        last = row.losses[-1] if row.losses else ""
        limit = CrashLimit(restarts=rules.restarts, window_s=rules.window_s, last=last)
        return ErrorInfo.model_validate(limit.as_dict())
    if worker is not None and worker.error is not None and worker.error.code == row.reason:
        return worker.error
    return None


def _age_left_s(row: SessionRow, given: Given) -> float | None:
    if given.rules.max_age_s is None or row.created_at is None:
        return None
    end = moment_of(row.created_at) + timedelta(seconds=given.rules.max_age_s)
    return (end - given.now).total_seconds()


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((s for s in (one, other) if s is not None), default=None)
