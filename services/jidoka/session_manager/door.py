"""The leader's door: `jido.manager.…`, answered by whoever leads and by nobody else.

They are handed over one at a time, so each is answered in a task of its own, and a slow worktree
holds up nobody's list.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final

from pydantic import ValidationError

from jidoka.bus.carrier import Asked, Carrier
from jidoka.bus.connection import Bus
from jidoka.bus.entries import STRUCTURED
from jidoka.bus.leaving import all_ended
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
LEAVE_S: Final = 4.0
"""How long requests in work may go on when the lead ends."""


Answer = Callable[[Asked], Awaitable[bytes]]
Refusal = Callable[[JidokaError], bytes]


class Door:
    """Takes requests and answers every one of them while its context lasts."""

    def __init__(self, url: str, name: str, bus: Bus, service: Service, source: str) -> None:
        self._bus = bus
        self._service = service
        self._source = source
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._working: set[asyncio.Task[None]] = set()
        self._carrier = Carrier(url, name, bus)
        for command in sorted(MANAGER_COMMANDS):
            self._listen(manager_request(command), self._command, self._refused)
        self._listen(manager_request("session.settle"), self._settle, _no)
        self._listen(manager_request("session.check"), self._check, _no)
        self._listen(manager_request("session.abandon"), self._abandon, _no)
        self._listen(manager_request("registry.rebuild"), self._rebuild, _no)

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

    def _refused(self, problem: JidokaError) -> bytes:
        return reply_to(None, REFUSED, problem, self._source).to_json()

    async def _settle(self, asked: Asked) -> bytes:
        return _said(ok=await self._service.settle(_session_in(asked)))

    async def _check(self, asked: Asked) -> bytes:
        await self._service.check(_session_in(asked))
        return _said(ok=True)

    async def _abandon(self, asked: Asked) -> bytes:
        row = await self._service.abandon(_session_in(asked))
        return _said(ok=True, sequence=row.sequence, cursor=row.cursor)

    async def _rebuild(self, _: Asked) -> bytes:
        return _said(ok=True, position=await self._service.rebuild())

    # --- all requests ---

    def _listen(self, subject: str, answer: Answer, refusal: Refusal) -> None:
        async def take(asked: Asked) -> None:
            await self._room.acquire()
            work = self._work(asked, answer, refusal)
            task = asyncio.create_task(work, name=f"answer {asked.subject}")
            self._working.add(task)
            task.add_done_callback(self._done)

        self._carrier.listen(subject, take)

    async def _work(self, asked: Asked, answer: Answer, refusal: Refusal) -> None:
        try:
            body = await answer(asked)
        except JidokaError as problem:
            body = refusal(problem)
        except Exception:  # a defect in one request must not stay without an answer
            incident = os.urandom(4).hex()
            log.exception("incident %s in %s", incident, asked.subject)
            body = refusal(Internal(incident=incident))
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


def _said(**fields: Any) -> bytes:
    """Return the answer to an internal request."""
    return json.dumps(fields).encode()


def _no(problem: JidokaError) -> bytes:
    return _said(ok=False, error=problem.as_dict())
