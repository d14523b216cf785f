"""One attempt at a call: where it goes, how long it may take, what is shown, what comes of it.

A fallback model is asked within the same attempt, but only while nobody has seen a word of the
answer: what was shown is void with a new attempt only, and that is the worker's to begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Protocol

from jidoka.bus.live import Coalescer, Live
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import JidokaError, ModelUnknown, ProviderTimeout, Upstream
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.contract.live import LiveKind
from jidoka.llm.pieces import Model, Piece, Reasoning, Route, Text
from jidoka.llm.stream import Folding, ReadCalls
from jidoka.llm_gateway.flights import Flight
from jidoka.settings import GatewaySettings

Show = Callable[[LiveKind, str], Awaitable[None]]


class Router(Protocol):
    """Who knows where calls go."""

    async def routes(self, config: LlmConfig, owner: str) -> tuple[Route, ...]:
        """Return where a call goes, then where it goes if that fails; raises typed refusals."""
        ...


class Lanes(Protocol):
    """Who knows which providers can be asked now."""

    def pass_through(self, route: Route, flight: Flight) -> AbstractAsyncContextManager[None]:
        """Return a context to call a provider in: it waits, refuses, and learns how it went."""
        ...


class Messages(Protocol):
    """Where messages are that were too large to travel."""

    async def whole(self, call: LlmCall) -> LlmCall:
        """Return the call with its messages in it."""
        ...


class ModelSpeaker:
    """Gets answers from models."""

    def __init__(
        self,
        *,
        router: Router,
        lanes: Lanes,
        models: Callable[[str], Model | None],
        live: Live,
        messages: Messages,
        settings: GatewaySettings,
        read_calls: ReadCalls | None = None,
    ) -> None:
        self._router = router
        self._lanes = lanes
        self._models = models
        self._live = live
        self._messages = messages
        self._settings = settings
        self._read_calls = read_calls

    async def speak(self, flight: Flight) -> LlmAnswer:
        """Return the first answer that a route gives.

        Raises:
            JidokaError: what the last route that was asked had to say.
        """
        call = flight.call
        routes = await self._router.routes(call.llm, call.owner)
        call = await self._messages.whole(call) if call.messages_ref else call
        last = len(routes) - 1
        for number, route in enumerate(routes):
            try:
                async with self._lanes.pass_through(route, flight):
                    return await self._attempt(flight, call, route)
            except JidokaError as problem:
                if number == last or flight.shown or not _helps(problem):
                    raise
        raise ModelUnknown(name=call.llm.full_name)

    async def _attempt(self, flight: Flight, call: LlmCall, route: Route) -> LlmAnswer:
        model = self._models(route.provider)
        if model is None:
            raise ModelUnknown(name=route.name, why="this gateway does not serve it")
        folding = Folding(route.provider)
        started = asyncio.get_running_loop().time()
        deltas = flight.deltas = Coalescer(
            self._live,
            call.session_id,
            turn_id=call.turn_id,
            call_id=call.call_id,
            epoch=flight.epoch,
            attempt=call.attempt,
        )

        async def show(kind: LiveKind, text: str) -> None:
            flight.shown = True
            await deltas.add(kind, text)

        async with deltas:
            await self._listen(model.stream(call, route), route, folding, show)
        duration_s = asyncio.get_running_loop().time() - started
        return folding.answer(call, route.name, round(duration_s, 4), self._read_calls)

    async def _listen(
        self, stream: AsyncGenerator[Piece], route: Route, folding: Folding, show: Show
    ) -> None:
        """Take the stream in, within its time."""
        loop = asyncio.get_running_loop()
        limits = self._settings
        end = loop.time() + max(limits.whole_timeout_s, route.first_byte_s)
        which, after_s = "first byte", route.first_byte_s
        clock = asyncio.timeout_at(loop.time() + after_s)
        try:
            async with clock, aclosing(stream) as pieces:
                async for piece in pieces:
                    which, after_s = "silence", limits.silence_timeout_s
                    clock.reschedule(min(loop.time() + after_s, end))
                    folding.add(piece)
                    match piece:
                        case Text(text=text):
                            await show("text", text)
                        case Reasoning(text=text):
                            await show("reasoning", text)
                        case _:
                            pass
        except TimeoutError:
            if loop.time() >= end:
                which, after_s = "whole", limits.whole_timeout_s
            raise ProviderTimeout(provider=route.provider, which=which, after_s=after_s) from None


def _helps(problem: JidokaError) -> bool:
    """Tell whether another model may do better after `problem`."""
    return isinstance(problem, Upstream | ModelUnknown) or problem.code in _OTHERS_MAY


_OTHERS_MAY = frozenset({"api_key_missing", "context_overflow", "provider_unknown"})


def by_provider(own: Mapping[str, Model], others: Model | None) -> Callable[[str], Model | None]:
    """Return who serves a provider: our own models by name, all others through one library."""
    return lambda provider: own.get(provider, others)
