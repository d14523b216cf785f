"""The gateway on the bus: which subject is whose."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import ValidationError

from jidoka.bus.connection import Bus
from jidoka.contract import subjects
from jidoka.contract.internal import LlmCancel, LlmLimit, LlmSpent
from jidoka.llm_gateway.flights import Flight
from jidoka.llm_gateway.purse import Purses
from jidoka.llm_gateway.service import Gateway

MOST_WAITING = 4_096


class Lanes(Protocol):
    """Who parks calls that a provider does not want now."""

    def heard_of(self, limit: LlmLimit) -> None:
        """Note what a provider said to some gateway."""
        ...


class Server:
    """Subscriptions of one gateway, and the door of each of its flights."""

    def __init__(self, bus: Bus, gateway: Gateway, lanes: Lanes, purses: Purses) -> None:
        self._bus = bus
        self._lanes = lanes
        self._purses = purses
        self._gateway = gateway
        self._listening: list[Subscription] = []
        self._doors: dict[Flight, Subscription] = {}

    async def listen(self) -> None:
        """Answer from now on."""
        queue = subjects.GATEWAY_QUEUE
        subscribe = self._bus.subscribe
        self._listening = [
            await subscribe(
                subjects.LLM_COMPLETE, self._complete, queue=queue, max_messages=MOST_WAITING
            ),
            await subscribe(subjects.LLM_CANCELS, self._cancel),
            await subscribe(subjects.LLM_LIMITS, self._limit),
            await subscribe(subjects.LLM_SPENT, self._spent),
        ]
        await self._bus.barrier()

    async def hush(self) -> None:
        """Take no new calls; those in flight stay reachable."""
        await self._bus.unsubscribe(self._listening[0])

    async def open(self, flight: Flight) -> None:
        """Answer on `jido.llm.call.<id>`: whoever asks there waits with the others."""

        async def join(request: Msg) -> None:
            # only its epoch matters: what is being asked is known here
            await self._gateway.join(flight, request.reply, _epoch_of(request.data))

        subject = subjects.llm_call(flight.call.call_id)
        self._doors[flight] = await self._bus.subscribe(subject, join, max_messages=64)

    async def shut(self, flight: Flight) -> None:
        """Answer there no longer."""
        door = self._doors.pop(flight, None)
        if door is not None:
            await self._bus.unsubscribe(door)

    async def _complete(self, request: Msg) -> None:
        await self._gateway.complete(request.data, request.reply, self)

    async def _cancel(self, request: Msg) -> None:
        call_id = request.subject.rpartition(".")[2]
        self._gateway.cancel(call_id, _epoch_of(request.data))

    async def _limit(self, told: Msg) -> None:
        with suppress(ValidationError):
            self._lanes.heard_of(LlmLimit.model_validate_json(told.data))

    async def _spent(self, told: Msg) -> None:
        with suppress(ValidationError):
            self._purses.heard_of(LlmSpent.model_validate_json(told.data))


def _epoch_of(body: bytes) -> int:
    try:
        return LlmCancel.model_validate_json(body).epoch
    except ValidationError:
        return 0
