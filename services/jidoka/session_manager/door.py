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
from typing import Final

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
            self._listen(manager_request(command), self._command)
        self._listen(manager_request("session.settle"), self._settle)
        self._listen(manager_request("session.check"), self._check)
        self._listen(manager_request("session.abandon"), self._abandon)
        self._listen(manager_request("registry.rebuild"), self._rebuild)

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

        self._carrier.listen(subject, take)

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
