"""One term of leading: read what is known, catch up with the log, adopt the workers, then serve."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.erasing import NatsEraser
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.marks import Marks
from jidoka.bus.models import GatewayModels
from jidoka.bus.quarantine import Quarantine
from jidoka.bus.requests import serve
from jidoka.contract import subjects
from jidoka.contract.envelope import utc
from jidoka.contract.errors import Internal
from jidoka.contract.events import SessionDeleted
from jidoka.contract.internal import HostReply, WorkerExited, WorkerReady
from jidoka.core.lifecycle import Rules
from jidoka.core.ports import Entry
from jidoka.core.registry import Registry
from jidoka.sandbox.leftovers import sessions_with_files
from jidoka.session_manager.admission import Admission
from jidoka.session_manager.beginning import EVERYTHING, begin
from jidoka.session_manager.create import Creator
from jidoka.session_manager.damage import Damage
from jidoka.session_manager.delete import Deleter
from jidoka.session_manager.door import Door
from jidoka.session_manager.forking import Forker
from jidoka.session_manager.graves import rebury
from jidoka.session_manager.hosts import BusHosts
from jidoka.session_manager.importing import Importer
from jidoka.session_manager.keeper import Keeper
from jidoka.session_manager.leftovers import WholeEraser, sweep
from jidoka.session_manager.projection import Projection
from jidoka.session_manager.retention import retain
from jidoka.session_manager.service import Service
from jidoka.session_manager.sessions import Sessions
from jidoka.session_manager.unreadable import Unreadable, stored_of
from jidoka.session_manager.workers import Workers
from jidoka.settings import SessionManagerSettings, required_nats_url
from jidoka.telemetry import logger

CATCH_UP_S: Final = 600.0
"""How long reading the log may take before this program serves what it has."""
MARKS_FILE: Final = "marks"


@dataclass(frozen=True, slots=True)
class Term:
    """The parts of one term of leading, composed."""

    sessions: Sessions
    workers: Workers
    hosts: BusHosts
    projection: Projection
    marks: Marks
    damage: Damage
    creator: Creator
    deleter: Deleter
    door: Door


async def lead(
    settings: SessionManagerSettings,
    bus: Bus,
    registry: Registry,
    name: str,
    *,
    new_id: Callable[[], str],
    leads: Callable[[], bool],
) -> None:
    """Lead until cancelled; `leads` says whether we surely may at this moment.

    Workers are left as they are: the next leader adopts them.
    """
    source = f"/jidoka/session-manager/{name}"
    unreadable = Unreadable(Quarantine(bus))
    log = NatsEventLog(bus, on_unreadable=unreadable.take)
    sessions = Sessions(log, source, new_id, leads)
    term = _composed(
        settings, bus, registry, log=log, sessions=sessions, source=source, unreadable=unreadable
    )
    marked = await term.marks.load()
    head = await begin(bus, registry, sessions, term.damage, marked)
    for session_id, mark in term.damage.witnesses().items():
        term.marks.note(session_id, mark)
    async with asyncio.TaskGroup() as tasks:  # it ends by cancellation or failure alone
        tasks.create_task(term.projection.run(), name="projection")
        tasks.create_task(term.marks.run(), name="marks")
        tasks.create_task(unreadable.run(term.damage.suspect), name="unreadable")
        await _caught_up(term, log, head)
        known = {row.session_id for row in await registry.find(EVERYTHING)} | set(sessions.rows)
        tasks.create_task(term.deleter.sweep(marked.keys() - known), name="deleted")
        left = await asyncio.to_thread(sessions_with_files, settings.home) - known
        tasks.create_task(sweep(log, settings.home, left), name="leftovers")
        if settings.retention_s is not None:
            keeping = retain(registry, term.deleter, settings.retention_s, _now)
            tasks.create_task(keeping, name="retention")
        keeper = Keeper(
            sessions=sessions,
            workers=term.workers,
            hosts=term.hosts,
            damage=term.damage,
            rules=_rules(settings),
            tasks=tasks,
            clock=_now,
        )
        tasks.create_task(term.hosts.watch(keeper), name="hosts")
        watching = term.damage.watch(marked, settings.patrol_s, keeper.wake, term.marks.graves)
        tasks.create_task(watching, name="damage")
        with closing(keeper):
            async with _ears(bus, keeper), term.creator, term.door:
                keeper.wake_all()
                logger().info("leading", sessions=len(sessions.rows))
                await asyncio.Event().wait()


async def _caught_up(term: Term, log: NatsEventLog, head: int) -> None:
    """Return when all up to `head` is known, and what was deleted lies where it should."""
    await term.projection.reach(head, CATCH_UP_S)
    await rebury(term.deleter, term.damage, log, term.marks.graves())


def _composed(
    settings: SessionManagerSettings,
    bus: Bus,
    registry: Registry,
    *,
    log: NatsEventLog,
    sessions: Sessions,
    source: str,
    unreadable: Unreadable,
) -> Term:
    marks, damage, workers = (
        Marks(settings.home / MARKS_FILE),
        Damage(bus, log, sessions),
        Workers(),
    )

    def absorb(session_id: str, entry: Entry) -> None:
        damage.follow(session_id, entry)
        sessions.follow(session_id, entry)
        if not isinstance(entry.event, SessionDeleted):  # what is deleted has no mark to reach
            marks.note(session_id, entry.head)

    def fail(session_id: str, entry: Entry) -> None:
        damage.defect(session_id, entry)
        unreadable.take(stored_of(session_id, entry), Internal(incident=entry.envelope.id))

    projection = Projection(log, registry, absorb, fail)
    eraser = WholeEraser(NatsEraser(bus), settings.home)
    deleter = Deleter(sessions, log, eraser, marks.bury, _now)
    admission = Admission(sessions, settings.session_limit)
    creator = Creator(sessions, admission, registry, GatewayModels(bus), settings.home)
    service = Service(
        sessions=sessions,
        workers=workers,
        registry=registry,
        projection=projection,
        creator=creator,
        admission=admission,
        log=log,
        damage=damage,
        deleter=deleter,
        importer=Importer(creator, log, NatsBlobs(bus)),
        forker=Forker(creator, log, NatsBlobs(bus), settings.home),
        home=settings.home,
        grace_s=settings.grace_s,
    )
    name = source.strip("/").replace("/", "-")
    door = Door(required_nats_url(settings), name, bus, service, source)
    return Term(sessions, workers, BusHosts(bus), projection, marks, damage, creator, deleter, door)


@asynccontextmanager
async def _ears(bus: Bus, keeper: Keeper) -> AsyncGenerator[None]:
    """Listen to what workers and hosts report while the context lasts."""

    async def ready(report: WorkerReady) -> HostReply:
        keeper.worker_ready(report)
        return HostReply()

    async def exited(report: WorkerExited) -> HostReply:
        keeper.worker_exited(report)
        return HostReply()

    async with (
        serve(bus, subjects.WORKER_READY, WorkerReady, ready),
        serve(bus, subjects.WORKER_EXITED, WorkerExited, exited),
    ):
        yield


def _rules(settings: SessionManagerSettings) -> Rules:
    return Rules(
        idle_s=settings.idle_s,
        max_age_s=settings.max_age_s,
        grace_s=settings.grace_s,
        restarts=settings.restart_limit,
        window_s=settings.restart_window_s,
    )


def _now() -> datetime:
    return utc(time.time())
