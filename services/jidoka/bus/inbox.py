"""Durable commands: "send it even if everything is down".

`submit` stores one; `Inbox` has them applied. One coordinator at a time does that, by a lease, so
that each session's commands keep their order (`lanes`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

from nats.aio.msg import Msg
from nats.js.errors import APIError

from jidoka.bus.connection import Bus
from jidoka.bus.entries import STRUCTURED
from jidoka.bus.lanes import PAUSE_FIRST_S, TRY_TIMEOUT_S, Apply, Lanes
from jidoka.bus.lease import Lease
from jidoka.bus.refusals import command_raised
from jidoka.contract import subjects
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import TimedOut, Unavailable

MOST_IN_HAND: Final = 512
PATIENCE_S: Final = 10.0
PULL_S: Final = 5.0
KEEP_S: Final = 10.0
"""How often the broker is told that what is in hand is still being worked on."""
_NANOSECONDS: Final = 10**9


async def submit(
    bus: Bus, session_id: str, envelope: Envelope, *, patience_s: float = PATIENCE_S
) -> int:
    """Store a command durably and return its place; the same source and id again is stored once.

    Raises:
        InboxFull: 64 of this kind wait in this session.
        StorageFull, TooLarge: it was not stored. Unavailable: nor was it sent.
        TimedOut: unknown; submit the same again.
    """
    subject = subjects.session_command(session_id, envelope.name)
    headers = STRUCTURED | {"Nats-Msg-Id": f"{envelope.source} {envelope.id}"}
    body = envelope.to_json()
    until = asyncio.get_running_loop().time() + patience_s
    await bus.up(patience_s)
    while True:
        left_s = until - asyncio.get_running_loop().time()
        try:
            cursor, _ = await bus.store(subject, body, headers, min(TRY_TIMEOUT_S, max(left_s, 0)))
        except TimedOut:
            if left_s <= TRY_TIMEOUT_S:
                raise TimedOut(after_s=patience_s) from None
        except APIError as refused:
            raise command_raised(refused, subjects.COMMANDS_STREAM, len(body)) from None
        else:
            return cursor


class Inbox:
    """The taking side, for a coordinator: `run` in a task of its own."""

    def __init__(
        self, bus: Bus, apply: Apply, *, holder: str, program: str = "coordinator"
    ) -> None:
        """`holder` names this process among all coordinators; no other has the same."""
        self._bus = bus
        self._apply = apply
        self._holder = holder
        self._program = program

    async def run(self) -> None:
        """Take and apply commands whenever the lease is ours; without end."""
        while True:
            async with (
                Lease(self._bus, "inbox", self._holder) as lease,
                asyncio.TaskGroup() as tasks,
            ):
                work = tasks.create_task(self._work(), name="inbox")
                await lease.lost.wait()
                work.cancel()

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            lanes = Lanes(self._bus, self._apply, self._program, tasks)
            tasks.create_task(self._keep(lanes), name="inbox keep")
            tasks.create_task(self._sweep(lanes), name="inbox sweep")
            try:
                await self._pull(lanes)
            finally:
                await lanes.say(b"-NAK")  # the next coordinator has it at once

    async def _pull(self, lanes: Lanes) -> None:
        """Put every command that is delivered into the lane of its session, without end."""
        coming: asyncio.Queue[Msg | None] = asyncio.Queue(2 * MOST_IN_HAND)
        inbox = self._bus.new_inbox()
        subscription = await self._bus.subscribe(inbox, coming.put)
        forget = self._bus.on_reconnect(lambda: _nudge(coming))
        try:
            while True:
                room = MOST_IN_HAND - lanes.in_hand
                if room <= 0 or not await self._asked(inbox, room):
                    await asyncio.sleep(PAUSE_FIRST_S)
                    continue
                async for message in _batch(coming, room):
                    lanes.take(message)
        finally:
            forget()
            await self._bus.unsubscribe(subscription)

    async def _asked(self, inbox: str, room: int) -> bool:
        """Ask the consumer for `room` commands; return whether that was sent."""
        request = {"batch": room, "expires": round(PULL_S * _NANOSECONDS)}
        stream, durable = subjects.COMMANDS_STREAM, subjects.COMMANDS_DURABLE
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        try:
            await self._bus.up(PULL_S)
            await self._bus.publish(subject, json.dumps(request).encode(), reply=inbox)
        except Unavailable:
            return False
        return True

    async def _sweep(self, lanes: Lanes) -> None:
        """Wake the lane of every session that has something waiting, whoever has it in hand."""
        async for session_id in waiting_sessions(self._bus):
            lanes.wake(session_id)

    async def _keep(self, lanes: Lanes) -> None:
        while True:
            await asyncio.sleep(KEEP_S)
            await lanes.say(b"+WPI")


async def waiting_sessions(bus: Bus) -> AsyncGenerator[str]:
    """Yield the ids of the sessions that have durable commands waiting."""
    offset, seen = 0, set[str]()
    while True:
        request = {"subjects_filter": subjects.ALL_COMMANDS, "offset": offset}
        try:
            info = await bus.api(f"STREAM.INFO.{subjects.COMMANDS_STREAM}", request)
        except (APIError, Unavailable, TimedOut):
            await asyncio.sleep(PAUSE_FIRST_S)
            continue
        found: dict[str, Any] = info["state"].get("subjects") or {}
        for subject in found:
            session_id = subjects.session_of(subject)
            if session_id is not None and session_id not in seen:
                seen.add(session_id)
                yield session_id
        offset += len(found)
        if not found or offset >= info.get("total", 0):
            return


async def _batch(coming: asyncio.Queue[Msg | None], size: int) -> AsyncGenerator[Msg]:
    """Yield what one request to the consumer brings: at most `size`, until it expires."""
    for _ in range(size):
        try:
            async with asyncio.timeout(PULL_S + 1.0):
                message = await coming.get()
        except TimeoutError:
            return
        if message is None:
            return
        if "Status" in (message.headers or {}):
            await asyncio.sleep(PAUSE_FIRST_S if not message.data else 0)
            return
        yield message


def _nudge(coming: asyncio.Queue[Msg | None]) -> None:
    with suppress(asyncio.QueueFull):
        coming.put_nowait(None)
