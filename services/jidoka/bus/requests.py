"""Questions and answers over the bus: typed on both sides, and answered even when refused.

A question that nobody listens to is `Unavailable` at once; one without an answer in time is
`TimedOut`. On the answering side every request runs in a task of its own, because nats-py hands
over one message at a time, and what the handler raises becomes the answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, TypeVar

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import BaseModel, ValidationError

from jidoka.bus.connection import Bus
from jidoka.bus.entries import STRUCTURED
from jidoka.bus.leaving import all_ended
from jidoka.bus.outcome import outcome
from jidoka.contract.envelope import Envelope, open_reply, problems_of, type_of, utc
from jidoka.contract.errors import (
    Internal,
    InvalidMessage,
    JidokaError,
    from_dict,
)
from jidoka.contract.ids import uuid7
from jidoka.contract.redacted_data import clean
from jidoka.contract.redaction import Redactor
from jidoka.contract.replies import REFUSED, Reply

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 256
MOST_WAITING: Final = 4_096
LEAVE_S: Final = 5.0
"""How long requests in work may go on when the service ends."""
_NO_RESPONDERS: Final = "503"
_REDACTOR: Final = Redactor(os.urandom(32))

M = TypeVar("M", bound=BaseModel)
Answer = Callable[[Msg], Awaitable[bytes]]


# --- asking -------------------------------------------------------------------------------------


async def command(
    bus: Bus,
    subject: str,
    envelope: Envelope,
    timeout_s: float,
    shape: type[Envelope] = Envelope,
) -> Envelope:
    """Return the `jido.command.accepted.v1` that answers a command, or raise its refusal.

    It is a `shape` where it fits.

    Raises:
        JidokaError: the refusal, as the type that its code names.
        Unavailable: nobody listens. TimedOut: no answer in time. InvalidMessage: no CloudEvent.
    """
    answer = await bus.request(subject, envelope.to_json(), timeout_s, headers=STRUCTURED)
    reply = open_reply(answer.data, answer.headers, shape)
    if reply.name == REFUSED and isinstance(reply.data, dict):
        raise from_dict(reply.data)  # pyright: ignore[reportUnknownArgumentType] - JSON
    return reply


async def ask(
    bus: Bus, subject: str, question: BaseModel, reply_type: type[M], timeout_s: float
) -> M:
    """Return the answer of another of our programs; an `error` in it is raised.

    Raises:
        JidokaError: what the other side refused or failed with.
        Unavailable: nobody listens. TimedOut: no answer in time. InvalidMessage: not the type.
    """
    answer = await bus.request(subject, question.model_dump_json().encode(), timeout_s)
    return opened(answer.data, reply_type)


def opened(body: bytes, reply_type: type[M]) -> M:
    """Return the typed answer in `body`; an `error` in it is raised.

    Raises:
        JidokaError: the error in it. InvalidMessage: it does not fit the type.
    """
    try:
        error = _Problem.model_validate_json(body).error
        if error is not None:
            raise from_dict(error)
        return reply_type.model_validate_json(body)
    except ValidationError as problem:
        raise InvalidMessage(problems=problems_of(problem)) from None


class _Problem(BaseModel):
    error: dict[str, Any] | None = None


# --- answering ----------------------------------------------------------------------------------


class Service:
    """Answers requests on a subject while its context lasts; what it refuses is answered too."""

    def __init__(
        self,
        bus: Bus,
        subject: str,
        answer: Answer,
        *,
        queue: str = "",
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._bus = bus
        self._subject = subject
        self._answer = answer
        self._queue = queue
        self._room = asyncio.Semaphore(most_at_once)
        self._working: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Service:
        """Listen; requests sent after this are answered."""
        self._subscription = await self._bus.subscribe(
            self._subject, self._take, queue=self._queue, max_messages=MOST_WAITING
        )
        await self._bus.barrier()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take no new requests, let those in work end within 5 s, then cancel them."""
        if self._subscription is not None:
            await self._bus.unsubscribe(self._subscription)
        await all_ended(self._working, LEAVE_S)

    async def _take(self, request: Msg) -> None:
        await self._room.acquire()
        task = asyncio.create_task(self._work(request), name=f"answer {request.subject}")
        self._working.add(task)
        task.add_done_callback(self._done)

    async def _work(self, request: Msg) -> None:
        problem = await outcome(self._answered(request), f"work {request.subject}")
        if problem is not None:
            incident = os.urandom(4).hex()
            log.error("incident %s in %s", incident, request.subject, exc_info=problem)
            await self._reply(request, _refusal(Internal(incident=incident)))

    async def _answered(self, request: Msg) -> None:
        try:
            body = await self._answer(request)
        except JidokaError as refused:
            body = _refusal(refused)
        await self._reply(request, body)

    async def _reply(self, request: Msg, body: bytes) -> None:
        if request.reply:
            await self._bus.publish(request.reply, body)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self._room.release()
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.warning("an answer on %s was not sent: %s", self._subject, problem)


def serve(
    bus: Bus,
    subject: str,
    kind: type[M],
    handler: Callable[[M], Awaitable[BaseModel]],
    *,
    queue: str = "",
    most_at_once: int = MOST_AT_ONCE,
) -> Service:
    """Return a service for internal questions; a refusal is answered `{"ok": false, "error"}`."""

    async def answer(message: Msg) -> bytes:
        try:
            question = kind.model_validate_json(message.data)
        except ValidationError as problem:
            raise InvalidMessage(problems=problems_of(problem)) from None
        return (await handler(question)).model_dump_json().encode()

    return Service(bus, subject, answer, queue=queue, most_at_once=most_at_once)


def _refusal(error: JidokaError) -> bytes:
    return json.dumps({"ok": False, "error": error.as_dict()}).encode()


def reply_to(
    asked: Envelope | None, name: str, data: BaseModel | JidokaError, source: str
) -> Envelope:
    """Return the CloudEvent that answers a command, whatever could be read of it."""
    now_s = time.time()
    return Envelope(
        id=uuid7(int(now_s * 1000), os.urandom(10)),
        source=source,
        type=type_of(name),
        subject=asked.subject if asked else None,
        time=utc(now_s),
        correlationid=asked.correlationid if asked else None,
        causationid=asked.id if asked else None,
        traceparent=asked.traceparent if asked else None,
        data=_content(data),
    )


def _content(data: BaseModel | JidokaError) -> Any:
    if isinstance(data, JidokaError):
        return clean(data.as_dict(), _REDACTOR)
    if type(data) is Reply:  # JSON already: to make it of 1,000 sessions again takes 5 ms
        return data.model_extra
    return clean(data.model_dump(mode="json"), _REDACTOR)
