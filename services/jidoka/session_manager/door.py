"""The leader's door: `jido.manager.…`, answered by whoever leads and by nobody else.

FastStream carries the commands, without its costly options: no type injection (the contract's
models validate), no logging of each message, no stream declared. It hands over one message at a
time, so each is answered in a task of its own, and a slow worktree holds up nobody's list.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from faststream.message import StreamMessage
from faststream.nats import NatsBroker
from faststream.nats.subscriber.usecases import CoreSubscriber
from nats import errors as nats_errors
from nats.aio.msg import Msg
from pydantic import ValidationError

from jidoka.bus.addresses import secret_of, servers_of
from jidoka.bus.connection import MISSED_PINGS, PING_EVERY_S, Bus
from jidoka.bus.entries import STRUCTURED
from jidoka.bus.leaving import finish
from jidoka.bus.requests import reply_to
from jidoka.contract.commands import MANAGER_COMMANDS
from jidoka.contract.envelope import Envelope, problems_of, receive
from jidoka.contract.errors import Internal, InvalidMessage, JidokaError
from jidoka.contract.internal import Settle
from jidoka.contract.replies import ACCEPTED, REFUSED
from jidoka.contract.subjects import manager_request
from jidoka.session_manager.service import Service

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 256
MOST_WAITING: Final = 8_192
STOP_S: Final = 2.0
LEAVE_S: Final = 4.0
"""How long requests in work may go on when the lead ends."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message as it came, and where its answer goes."""

    subject: str
    reply_to: str
    body: bytes
    headers: Mapping[str, str]


class Door:
    """Takes requests and answers every one of them while its context lasts."""

    def __init__(self, url: str, name: str, bus: Bus, service: Service, source: str) -> None:
        self._bus = bus
        self._service = service
        self._source = source
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._working: set[asyncio.Task[None]] = set()
        self._broker = _broker(url, name)
        self._subscribers: list[CoreSubscriber] = []
        for command in sorted(MANAGER_COMMANDS):
            self._listen(manager_request(command), self._command)
        self._listen(manager_request("session.settle"), self._settle)
        self._listen(manager_request("session.check"), self._check)
        self._listen(manager_request("session.abandon"), self._abandon)
        self._listen(manager_request("registry.rebuild"), self._rebuild)

    async def __aenter__(self) -> Door:
        """Open; what is asked after this is answered."""
        await self._broker.start()
        await (await self._connection()).barrier()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take no more, let what is in work end within 4 s, then cancel it."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._finish_taking()
                await self._broker.stop()
        except* (TimeoutError, JidokaError, nats_errors.Error) as problem:
            log.debug("a broker that is away cannot be left in good order: %s", problem)
        if self._working:
            _, late = await asyncio.wait(self._working, timeout=LEAVE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _finish_taking(self) -> None:
        held = [subscriber.subscription for subscriber in self._subscribers]
        for subscriber in self._subscribers:
            subscriber.subscription = None
        left = [subscription for subscription in held if subscription is not None]
        await finish(await self._connection(), *left)

    async def _connection(self) -> Bus:
        return Bus(await self._broker.connect(), self._bus.address)

    # --- one request ---

    async def _command(self, asked: Asked) -> bytes:
        envelope: Envelope | None = None
        try:
            envelope = receive(asked.body, asked.headers)
            answer = await self._service.answer(envelope)
        except JidokaError as refused:
            return reply_to(envelope, REFUSED, refused, self._source).to_json()
        session_id = getattr(answer, "session_id", None)
        about = envelope.model_copy(update={"subject": session_id}) if session_id else envelope
        return reply_to(about, ACCEPTED, answer, self._source).to_json()

    async def _settle(self, asked: Asked) -> bytes:
        try:
            done = await self._service.settle(_session_in(asked))
        except JidokaError as problem:
            return json.dumps({"ok": False, "error": problem.as_dict()}).encode()
        return json.dumps({"ok": done}).encode()

    async def _check(self, asked: Asked) -> bytes:
        try:
            await self._service.check(_session_in(asked))
        except JidokaError as problem:
            return json.dumps({"ok": False, "error": problem.as_dict()}).encode()
        return b'{"ok": true}'

    async def _abandon(self, asked: Asked) -> bytes:
        try:
            row = await self._service.abandon(_session_in(asked))
        except JidokaError as problem:
            return json.dumps({"ok": False, "error": problem.as_dict()}).encode()
        return json.dumps({"ok": True, "sequence": row.sequence, "cursor": row.cursor}).encode()

    async def _rebuild(self, _: Asked) -> bytes:
        try:
            position = await self._service.rebuild()
        except JidokaError as problem:
            return json.dumps({"ok": False, "error": problem.as_dict()}).encode()
        return json.dumps({"ok": True, "position": position}).encode()

    # --- all requests ---

    def _listen(self, subject: str, answer: Callable[[Asked], Awaitable[bytes]]) -> None:
        async def take(asked: Asked) -> None:
            await self._room.acquire()
            task = asyncio.create_task(self._work(asked, answer), name=f"answer {asked.subject}")
            self._working.add(task)
            task.add_done_callback(self._done)

        # the task that answers replies
        subscriber = self._broker.subscriber(
            subject, pending_msgs_limit=MOST_WAITING, no_reply=True
        )
        subscriber(take)
        self._subscribers.append(subscriber)

    async def _work(self, asked: Asked, answer: Callable[[Asked], Awaitable[bytes]]) -> None:
        try:
            body = await answer(asked)
        except Exception:  # a defect in one request must not stay without an answer
            incident = os.urandom(4).hex()
            log.exception("incident %s in %s", incident, asked.subject)
            body = reply_to(None, REFUSED, Internal(incident=incident), self._source).to_json()
        if asked.reply_to:
            headers = STRUCTURED if body.startswith(b'{"specversion"') else None
            await self._bus.publish(asked.reply_to, body, headers=headers)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self._room.release()
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.warning("an answer was not sent: %s", problem)


def _session_in(asked: Asked) -> str:
    """Return the session that an internal request is about.

    Raises:
        InvalidMessage: it names none.
    """
    try:
        return Settle.model_validate_json(asked.body).session_id
    except ValidationError as problem:
        raise InvalidMessage(problems=problems_of(problem)) from None


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
