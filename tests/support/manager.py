"""A session-manager that leads inside the test, and a plain client of it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.requests import command
from jidoka.contract.envelope import Envelope, type_of
from jidoka.contract.errors import StaleSequence, Unavailable
from jidoka.contract.events import Event
from jidoka.contract.ids import uuid7
from jidoka.contract.subjects import manager_request
from jidoka.core.ports import Draft, Entry
from jidoka.session_manager.leader import lead
from jidoka.settings import SessionManagerSettings
from jidoka.store.registry import SqliteRegistry

CLIENT = "/tests/client"


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


@asynccontextmanager
async def leading(
    bus: Bus, url: str, home: Path, **settings: Any
) -> AsyncGenerator[SqliteRegistry]:
    """Lead while the context lasts; yield the leader's registry."""
    wanted = SessionManagerSettings(home=home, nats_url=url, **settings)
    registry = await SqliteRegistry.open(wanted.registry)
    name = f"test-{os.urandom(2).hex()}"
    leads = lead(wanted, bus, registry, name, new_id=new_id, leads=lambda: True)
    task = asyncio.create_task(leads)
    try:
        await asyncio.wait(
            {task, asyncio.create_task(_answers(bus))}, return_when="FIRST_COMPLETED"
        )
        if task.done():
            task.result()
        yield registry
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await registry.close()


async def _answers(bus: Bus) -> None:
    while True:
        with suppress(Unavailable):
            await ask(bus, "session.list", {})
            return
        await asyncio.sleep(0.01)


async def ask(
    bus: Bus,
    name: str,
    data: dict[str, Any],
    *,
    command_id: str = "",
    kind: str = "",
    timeout_s: float = 20.0,
) -> dict[str, Any]:
    """Return what a command is accepted with, or raise its refusal."""
    asked = Envelope(
        id=command_id or new_id(), source=CLIENT, type=type_of(kind or name), data=data
    )
    reply = await command(bus, manager_request(name), asked, timeout_s)
    return reply.data


async def settle(bus: Bus, session_id: str) -> bool:
    """Have a close or termination carried out; return whether it was."""
    body = json.dumps({"session_id": session_id}).encode()
    answer = await bus.request(manager_request("session.settle"), body, 20.0)
    return json.loads(answer.data)["ok"]


async def create(bus: Bus, project: Path, **more: Any) -> dict[str, Any]:
    """Return a new session on a folder."""
    project.mkdir(parents=True, exist_ok=True)
    return await ask(bus, "session.create", {"project_path": str(project), **more})


async def record(bus: Bus, session_id: str, event: Event) -> Entry:
    """Record an event as the coordinator or a worker would, whoever else is writing."""
    log = NatsEventLog(bus)
    last = await log.last(session_id)
    assert last is not None
    head = last.head
    draft = Draft(event, new_id(), CLIENT, causation_id=new_id())
    while True:
        try:
            return (await log.append(session_id, draft, head))[-1]
        except StaleSequence as moved_on:
            head = moved_on.tail[-1].head


async def events_until(bus: Bus, session_id: str, *ends: str, count: int = 1) -> list[str]:
    """Return the events of a session up to the `count`th of `ends`, statuses and epochs named."""
    names: list[str] = []
    log = NatsEventLog(bus)
    async for entry in log.follow(session_id):
        names.append(said(entry))
        if sum(name in ends for name in names) >= count:
            break
    return names


def said(entry: Entry) -> str:
    """Return what an entry says in a word or two."""
    event: Any = entry.event
    match event.name:
        case "session.status_changed":
            return event.status.value
        case "worker.assigned" | "worker.lost":
            return f"{event.name} {event.epoch}"
        case name:
            return name
