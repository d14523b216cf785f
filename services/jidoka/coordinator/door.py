"""The one door in: requests on `jido.command.<noun>.<verb>`, shared by all replicas.

FastStream carries them, without its costly options: no type injection (the contract's models
validate), no logging of each message, no stream declared. It hands over one message at a time, so
each command is answered in a task of its own, and a slow one holds up nobody.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from faststream.message import StreamMessage
from faststream.nats import NatsBroker
from nats import errors as nats_errors
from nats.aio.msg import Msg

from jidoka.bus.addresses import secret_of, servers_of
from jidoka.bus.connection import MISSED_PINGS, PING_EVERY_S, Bus
from jidoka.bus.entries import STRUCTURED, Stored
from jidoka.bus.leaving import finish
from jidoka.bus.quarantine import Quarantine
from jidoka.contract.envelope import receive
from jidoka.contract.errors import Internal, JidokaError, RateLimited
from jidoka.contract.subjects import COMMAND_REQUESTS, COORDINATOR_QUEUE
from jidoka.coordinator.poison import Poison
from jidoka.coordinator.request import request_of
from jidoka.coordinator.room import Room
from jidoka.coordinator.service import Coordinator

log = logging.getLogger(__name__)

TRY_AGAIN_S: Final = 0.5
"""Told to who is refused because too much is in work."""
MOST_WAITING: Final = 8_192
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
STOP_S: Final = 2.0
LEAVE_S: Final = 4.0
"""How long commands in work may go on when the program ends."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message as it came, and where its answer goes."""

    subject: str
    reply_to: str
    body: bytes
    headers: Mapping[str, str]


class Door:
    """Takes commands and answers every one of them while its context lasts."""

    def __init__(self, url: str, name: str, bus: Bus, coordinator: Coordinator) -> None:
        self._bus = bus
        self._coordinator = coordinator
        self._poison = Poison(Quarantine(bus), time.monotonic)
        self._room = Room()
        self._working: set[asyncio.Task[None]] = set()
        self._broker = _broker(url, name)
        self._subscriber = self._broker.subscriber(
            COMMAND_REQUESTS,
            queue=COORDINATOR_QUEUE,
            pending_msgs_limit=MOST_WAITING,
            pending_bytes_limit=MOST_WAITING_BYTES,
            no_reply=True,  # the task that answers replies
        )
        self._subscriber(self._take)

    async def __aenter__(self) -> Door:
        """Open; what is asked after this is answered."""
        await self._broker.start()
        await Bus(await self._broker.connect(), self._bus.address).barrier()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take no more, let what is in work end within 4 s, then cancel it."""
        # a broker that is away cannot be left in good order
        with suppress(TimeoutError, JidokaError, nats_errors.Error):
            async with asyncio.timeout(STOP_S):
                await self._finish_taking()
                await self._broker.stop()
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=LEAVE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _finish_taking(self) -> None:
        subscription, self._subscriber.subscription = self._subscriber.subscription, None
        if subscription is not None:
            connection = Bus(await self._broker.connect(), self._bus.address)
            await finish(connection, subscription)

    async def _take(self, asked: Asked) -> None:
        if not self._room.take(asked.subject, len(asked.body)):
            busy = RateLimited(retry_after_s=TRY_AGAIN_S)
            await self._reply(asked, self._coordinator.refusal(None, busy).to_json())
            return
        task = asyncio.create_task(self._work(asked), name=f"answer {asked.subject}")
        self._working.add(task)
        task.add_done_callback(self._done)

    async def _work(self, asked: Asked) -> None:
        try:
            answer, unread = await answered(self._coordinator, asked)
            await self._reply(asked, answer)
            if unread is not None:
                original = Stored(0, asked.subject, asked.body, dict(asked.headers))
                await self._poison.put(original, unread)
        finally:
            self._room.leave(asked.subject, len(asked.body))

    async def _reply(self, asked: Asked, answer: bytes) -> None:
        if asked.reply_to:
            await self._bus.publish(asked.reply_to, answer, headers=STRUCTURED)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.warning("an answer was not sent: %s", problem)


async def answered(coordinator: Coordinator, asked: Asked) -> tuple[bytes, JidokaError | None]:
    """Return the answer to whatever came, and what was wrong if it was no CloudEvent at all."""
    try:
        envelope = receive(asked.body, asked.headers)
    except JidokaError as unread:
        return coordinator.refusal(None, unread).to_json(), unread
    try:
        return await coordinator.body(request_of(envelope, asked.subject)), None
    except JidokaError as refused:
        return coordinator.refusal(envelope, refused).to_json(), None
    except Exception:  # a defect in one command must not close the door to all
        incident = os.urandom(4).hex()
        log.exception("incident %s in %s of %s", incident, envelope.id, asked.subject)
        return coordinator.refusal(envelope, Internal(incident=incident)).to_json(), None


def _broker(url: str, name: str) -> NatsBroker:
    token = secret_of(url).get("token")
    return NatsBroker(
        servers_of(url) if token else url.split(","),
        token=token,
        name=name,
        decoder=_decoded,
        apply_types=False,
        logger=None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,  # pyright: ignore[reportArgumentType] - it is only slept
        ping_interval=PING_EVERY_S,
        max_outstanding_pings=MISSED_PINGS,
    )


async def _decoded(message: StreamMessage[Msg]) -> Any:
    """Return the message with all that the four forms of a CloudEvent need to be told apart."""
    raw = message.raw_message
    return Asked(raw.subject, raw.reply, raw.data, raw.headers or {})
