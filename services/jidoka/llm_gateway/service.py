"""The gateway's answers to workers: one model call a request, joined, remembered, ended.

jido.llm.complete (queue group) ─► Gateway.complete ─► Flight ─► Speaker ─► the model
jido.llm.call.<id>              ─► Gateway.join      one more waits for the same answer
jido.llm.cancel.<id>            ─► Gateway.cancel
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Final, Protocol

from pydantic import ValidationError

from jidoka.contract.content import ErrorInfo
from jidoka.contract.envelope import problems_of
from jidoka.contract.errors import (
    Internal,
    InvalidMessage,
    JidokaError,
    ProviderUnavailable,
    Unavailable,
)
from jidoka.contract.ids import is_token
from jidoka.contract.internal import LlmAnswer, LlmCall, LlmFailure, LlmProgress
from jidoka.contract.redacted_data import clean
from jidoka.contract.redaction import Redactors
from jidoka.llm_gateway.answers import Answers
from jidoka.llm_gateway.flights import Flight, Flights

log = logging.getLogger(__name__)

PROGRESS_EVERY_S: Final = 5.0


class Speaker(Protocol):
    """Whoever gets the answer from a model."""

    async def speak(self, flight: Flight) -> LlmAnswer:
        """Return the model's answer; raises what became of it otherwise."""
        ...


class Post(Protocol):
    """How replies go out."""

    async def publish(self, subject: str, body: bytes) -> None:
        """Send without waiting for anybody."""
        ...


class Door(Protocol):
    """What makes a call in flight reachable by its id."""

    async def open(self, flight: Flight) -> None:
        """Answer on the flight's own subject from now on."""
        ...

    async def shut(self, flight: Flight) -> None:
        """Answer there no longer."""
        ...


class Gateway:
    """All calls of one process."""

    def __init__(
        self,
        speaker: Speaker,
        answers: Answers,
        post: Post,
        tasks: asyncio.TaskGroup,
        *,
        most: int = 320,
        redactors: Redactors | None = None,
    ) -> None:
        self.flights = Flights()
        self._speaker = speaker
        self._answers = answers
        self._post = post
        self._tasks = tasks
        self._most = most
        self._redactor = (redactors or Redactors()).of("")
        self._draining = False

    async def complete(self, body: bytes, reply: str, door: Door) -> None:
        """Take up a call, join it if it is in flight here, or refuse it."""
        try:
            call = read_call(body)
        except JidokaError as refused:
            await self._send(reply, self._failure("", refused))
            return
        flight = self.flights.get(call.call_id)
        if flight is not None:
            await self.join(flight, reply, call.epoch)
        elif self._draining or len(self.flights) >= self._most:
            busy = ProviderUnavailable(provider="llm-gateway", status=503)
            await self._send(reply, self._failure(call.call_id, busy))
        else:
            flight = self.flights.begin(call, reply)
            name = f"call {call.call_id}"
            flight.task = self._tasks.create_task(self._fly(flight, door), name=name)
            await self._progress(flight)

    async def join(self, flight: Flight, reply: str, epoch: int) -> None:
        """Let one more wait for a call in flight."""
        if flight.outcome is not None:
            await self._send(reply, flight.outcome)
            return
        flight.join(reply, epoch)
        await self._progress(flight)

    def cancel(self, call_id: str, epoch: int) -> None:
        """End a call if it is in flight here and no newer worker waits for it."""
        flight = self.flights.get(call_id)
        if flight is not None and flight.task is not None and epoch >= flight.epoch:
            flight.task.cancel()

    async def beat(self) -> None:
        """Tell all who wait, every 5 s, that their call goes on; for ever."""
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            for flight in self.flights:
                await self._progress(flight)

    async def drain(self, timeout_s: float) -> None:
        """Take no new call; return when those in flight are done, or ended after `timeout_s`."""
        self._draining = True
        tasks = [flight.task for flight in self.flights if flight.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    async def _fly(self, flight: Flight, door: Door) -> None:
        call = flight.call
        try:
            flight.outcome = await self._outcome(flight, door)
        except asyncio.CancelledError:
            ended = Unavailable(part="the model call", why="it was cancelled")
            flight.outcome = self._failure(call.call_id, ended)
        finally:
            self.flights.end(flight)
            for waiter in flight.waiters:
                await self._send(waiter, flight.outcome or b"")
            await door.shut(flight)

    async def _outcome(self, flight: Flight, door: Door) -> bytes:
        call = flight.call
        try:
            await door.open(flight)
            known = None if call.fresh else await self._answers.recall(call.call_id)
            if known is not None:
                return known.model_dump_json().encode()
            answer = await self._speaker.speak(flight)
            body = await self._answers.fitted(call.session_id, answer)
        except JidokaError as problem:
            return self._failure(call.call_id, problem)
        except Exception as defect:  # noqa: BLE001 - a defect in one call must not end the others'
            incident = call.call_id
            where = "".join(traceback.format_tb(defect.__traceback__))
            # without its text: what a library says may hold a key or a header
            log.error("incident %s: %s\n%s", incident, type(defect).__name__, where)
            return self._failure(call.call_id, Internal(incident=incident))
        self._tasks.create_task(
            self._answers.remember(call.call_id, body), name=f"remember {call.call_id}"
        )
        await asyncio.sleep(0)  # its message leaves before the reply does
        return body

    async def _progress(self, flight: Flight) -> None:
        body = LlmProgress(state=flight.state).model_dump_json().encode()
        for waiter in flight.waiters:
            await self._send(waiter, body)

    async def _send(self, waiter: str, body: bytes) -> None:
        """Send to one who waits; if that fails they will ask again, and nobody else is harmed."""
        if not waiter:
            return
        try:
            await self._post.publish(waiter, body)
        except JidokaError as problem:
            log.warning("a reply was not sent: %s", problem.message)

    def _failure(self, call_id: str, problem: JidokaError) -> bytes:
        error = ErrorInfo.model_validate(clean(problem.as_dict(), self._redactor))
        return LlmFailure(call_id=call_id, error=error).model_dump_json().encode()


def read_call(body: bytes) -> LlmCall:
    """Return the call in a request; raises `InvalidMessage` naming every problem."""
    try:
        call = LlmCall.model_validate_json(body)
    except ValidationError as problem:
        raise InvalidMessage(problems=problems_of(problem)) from None
    if not is_token(call.call_id):
        raise InvalidMessage.of("call_id", "must be 1 to 64 of A-Z a-z 0-9 _ -")
    return call
