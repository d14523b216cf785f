"""One attempt at one model: how long it may take, what is shown of it, what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from jidoka.bus.live import Coalescer, Live
from jidoka.contract.errors import ProviderTimeout
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.contract.redaction import Redactor
from jidoka.llm.pieces import Piece, Reasoning, Route, Text
from jidoka.llm.stream import Folding, ReadCalls
from jidoka.llm_gateway.flights import Flight
from jidoka.llm_gateway.redacting import without_secrets
from jidoka.settings import GatewaySettings


class Heard(Protocol):
    """Who wants to know that a provider answers."""

    def heard(self) -> None:
        """Note that it does."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a model may take, in seconds."""

    first_byte_s: float
    silence_s: float
    whole_s: float

    @classmethod
    def of(cls, settings: GatewaySettings, route: Route) -> Patience:
        """Return the patience with the model of a route."""
        whole_s = max(settings.whole_timeout_s, route.first_byte_s)
        return cls(route.first_byte_s, settings.silence_timeout_s, whole_s)


class Attempt:
    """A model's stream on its way to an answer."""

    def __init__(
        self, flight: Flight, call: LlmCall, route: Route, live: Live, redactor: Redactor
    ) -> None:
        self._flight = flight
        self._call = call
        self._route = route
        self._folding = Folding(route.provider)
        self._deltas = flight.deltas = Coalescer(
            live,
            call.session_id,
            turn_id=call.turn_id,
            call_id=call.call_id,
            epoch=flight.epoch,
            attempt=call.attempt,
            redactor=redactor,
        )
        self._redactor = redactor

    async def answer(
        self,
        stream: AsyncGenerator[Piece],
        patience: Patience,
        passage: Heard,
        read_calls: ReadCalls,
    ) -> LlmAnswer:
        """Return the answer that the stream makes.

        Raises:
            ProviderTimeout: the first byte, the next one or the end did not come in time.
            JidokaError: what the model, or the fold of its stream, says.
        """
        started = asyncio.get_running_loop().time()
        async with self._deltas:
            await self._listen(stream, patience, passage)
        duration_s = round(asyncio.get_running_loop().time() - started, 4)
        answer = self._folding.answer(self._call, self._route.name, duration_s, read_calls)
        return without_secrets(answer, self._redactor)

    async def _listen(
        self, stream: AsyncGenerator[Piece], patience: Patience, passage: Heard
    ) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + patience.whole_s
        which, after_s = "first byte", patience.first_byte_s
        clock = asyncio.timeout_at(min(loop.time() + after_s, end))
        try:
            async with clock, aclosing(stream) as pieces:
                async for piece in pieces:
                    if which == "first byte":
                        passage.heard()
                        which, after_s = "silence", patience.silence_s
                    clock.reschedule(min(loop.time() + after_s, end))
                    await self._take(piece)
        except TimeoutError:
            if loop.time() >= end:
                which, after_s = "whole", patience.whole_s
            raise ProviderTimeout(
                provider=self._route.provider, which=which, after_s=after_s
            ) from None

    async def _take(self, piece: Piece) -> None:
        self._folding.add(piece)
        if isinstance(piece, Text | Reasoning):
            if self._call.quiet:
                return
            self._flight.shown = True
            kind = "text" if isinstance(piece, Text) else "reasoning"
            await self._deltas.add(kind, piece.text)
