"""The one door in: requests on `jido.command.<noun>.<verb>`, shared by all replicas.

They are handed over one at a time, so each command is answered in a task of its own, and a slow one
holds up nobody.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from types import TracebackType
from typing import Final

from jidoka.bus.carrier import Asked, Carrier
from jidoka.bus.connection import Bus
from jidoka.bus.entries import STRUCTURED, Stored
from jidoka.bus.leaving import all_ended
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
LEAVE_S: Final = 4.0
"""How long commands in work may go on when the program ends."""


class Door:
    """Takes commands and answers every one of them while its context lasts."""

    def __init__(self, url: str, name: str, bus: Bus, coordinator: Coordinator) -> None:
        self._bus = bus
        self._coordinator = coordinator
        self._poison = Poison(Quarantine(bus), time.monotonic)
        self._room = Room()
        self._working: set[asyncio.Task[None]] = set()
        self._carrier = Carrier(url, name, bus)
        self._carrier.listen(COMMAND_REQUESTS, self._take, queue=COORDINATOR_QUEUE)

    async def __aenter__(self) -> Door:
        """Open; what is asked after this is answered."""
        await self._carrier.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take no more, let what is in work end within 4 s, then cancel it."""
        await self._carrier.close()
        await all_ended(self._working, LEAVE_S)

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
