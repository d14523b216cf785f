"""One term of leading: read what is known, catch up with the log, adopt the workers, then serve."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.requests import serve
from jidoka.contract import subjects
from jidoka.contract.content import Status
from jidoka.contract.envelope import utc
from jidoka.contract.internal import HostReply, WorkerExited, WorkerReady
from jidoka.core.lifecycle import Rules
from jidoka.core.registry import Registry, SessionQuery
from jidoka.session_manager.admission import Admission
from jidoka.session_manager.create import Creator
from jidoka.session_manager.door import Door
from jidoka.session_manager.hosts import BusHosts
from jidoka.session_manager.keeper import Keeper
from jidoka.session_manager.models import GatewayModels
from jidoka.session_manager.projection import Projection
from jidoka.session_manager.service import Service
from jidoka.session_manager.sessions import Sessions
from jidoka.session_manager.workers import Workers
from jidoka.settings import SessionManagerSettings, required_nats_url
from jidoka.telemetry import logger

CATCH_UP_S: Final = 600.0
"""How long reading the log may take before this program serves what it has."""
HEAD_TIMEOUT_S: Final = 5.0
_EVERYTHING: Final = SessionQuery(statuses=tuple(status.value for status in Status), limit=2**62)


async def lead(
    settings: SessionManagerSettings,
    bus: Bus,
    registry: Registry,
    name: str,
    new_id: Callable[[], str],
) -> None:
    """Lead until cancelled. Workers are left as they are: the next leader adopts them."""
    source = f"/jidoka/session-manager/{name}"
    log = NatsEventLog(bus)
    sessions, workers, hosts = Sessions(log, source, new_id), Workers(), BusHosts(bus)
    projection = Projection(log, registry, sessions.follow)
    admission = Admission(sessions, settings.session_limit)
    service = Service(
        sessions=sessions,
        workers=workers,
        registry=registry,
        projection=projection,
        creator=Creator(sessions, admission, registry, GatewayModels(bus), settings.home),
        admission=admission,
        log=log,
        home=settings.home,
        grace_s=settings.grace_s,
    )
    door = Door(required_nats_url(settings), f"session-manager-{name}", bus, service, source)
    sessions.load(await registry.find(_EVERYTHING), await registry.position())
    async with asyncio.TaskGroup() as tasks:  # it ends by cancellation or failure alone
        tasks.create_task(projection.run(), name="projection")
        await projection.reach(await head_of(bus), CATCH_UP_S)
        keeper = Keeper(
            sessions=sessions,
            workers=workers,
            hosts=hosts,
            rules=_rules(settings),
            tasks=tasks,
            clock=_now,
        )
        tasks.create_task(hosts.watch(keeper), name="hosts")
        async with _ears(bus, keeper), door:
            keeper.wake_all()
            logger().info("leading", sessions=len(sessions.rows))
            try:
                await asyncio.Event().wait()
            finally:
                keeper.close()


async def head_of(bus: Bus) -> int:
    """Return the stream sequence of the newest event of all sessions, 0 where there is none."""
    question = json.dumps({"last_by_subj": subjects.ALL_EVENTS}).encode()
    subject = f"$JS.API.DIRECT.GET.{subjects.EVENTS_STREAM}"
    answer = await bus.request(subject, question, HEAD_TIMEOUT_S)
    return int((answer.headers or {}).get("Nats-Sequence", 0))


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
