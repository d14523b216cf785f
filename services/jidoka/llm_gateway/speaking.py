"""From a call to an answer: the routes it may take, one after the other.

A fallback model is asked within the same attempt, but only while nobody has seen a word of the
answer: what was shown is void with a new attempt only, and that is the worker's to begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from jidoka.bus.live import Live
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import JidokaError, ModelUnknown, Upstream
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.contract.redaction import Redactors
from jidoka.llm.pieces import Model, Route
from jidoka.llm.stream import ReadCalls
from jidoka.llm_gateway.attempt import Attempt, Heard, Patience
from jidoka.llm_gateway.flights import Flight
from jidoka.llm_gateway.purse import Purses
from jidoka.settings import GatewaySettings

_OTHERS_MAY: Final = frozenset({"api_key_missing", "context_overflow", "provider_unknown"})
"""Refusals that say something of one model only."""


class Router(Protocol):
    """Who knows where calls go."""

    async def routes(self, config: LlmConfig, owner: str) -> tuple[Route, ...]:
        """Return where a call goes, then where it goes if that fails; raises typed refusals."""
        ...

    async def window_of(self, route: Route, project_path: str) -> int | None:
        """Return how many tokens a model reads at most, None where that is not known."""
        ...


class Lanes(Protocol):
    """Who knows which providers can be asked now."""

    def pass_through(self, route: Route, flight: Flight) -> AbstractAsyncContextManager[Heard]:
        """Return a context to call a provider in: it waits, refuses, and learns how it went."""
        ...


class Messages(Protocol):
    """Where messages are that were too large to travel."""

    async def whole(self, call: LlmCall) -> LlmCall:
        """Return the call with its messages in it."""
        ...


class ModelSpeaker:
    """Gets answers from models, so many at once as there are places; others wait."""

    def __init__(
        self,
        *,
        router: Router,
        lanes: Lanes,
        models: Callable[[str], Model | None],
        live: Live,
        messages: Messages,
        settings: GatewaySettings,
        read_calls: ReadCalls,
        redactors: Redactors,
        purses: Purses,
    ) -> None:
        self._router = router
        self._lanes = lanes
        self._models = models
        self._live = live
        self._messages = messages
        self._settings = settings
        self._read_calls = read_calls
        self._redactors = redactors
        self._purses = purses
        self._places = asyncio.Semaphore(settings.concurrency)

    async def speak(self, flight: Flight) -> LlmAnswer:
        """Return the first answer that a route gives.

        Raises:
            BudgetExceeded: the owner has nothing left.
            JidokaError: what the last route that was asked had to say.
        """
        async with self._purses.opened(flight.call) as pay:
            answer = await self._spoken(flight)
            await pay(answer)
            return answer

    async def _spoken(self, flight: Flight) -> LlmAnswer:
        call = flight.call
        first, *others = await self._router.routes(call.llm, call.owner)
        call = await self._messages.whole(call) if call.messages_ref else call
        for route in others:
            try:
                return await self._asked(flight, call, first)
            except JidokaError as problem:
                if flight.shown or not _is_of_one_model(problem):
                    raise
            first = route
        return await self._asked(flight, call, first)

    async def _asked(self, flight: Flight, call: LlmCall, route: Route) -> LlmAnswer:
        model = self._models(route.provider)
        if model is None:
            raise ModelUnknown(name=route.name, why="this gateway does not serve it")
        redactor = self._redactors.of(call.session_id)
        window = await self._router.window_of(route, call.project_path)
        async with self._lanes.pass_through(route, flight) as passage, self._places:
            answer = await Attempt(flight, call, route, self._live, redactor).answer(
                model.stream(call, route),
                Patience.of(self._settings, route),
                passage,
                self._read_calls,
            )
        return answer.model_copy(update={"window": window})


def _is_of_one_model(problem: JidokaError) -> bool:
    """Tell whether another model may do better after `problem`."""
    return isinstance(problem, Upstream | ModelUnknown) or problem.code in _OTHERS_MAY


def by_provider(own: Mapping[str, Model], others: Model | None) -> Callable[[str], Model | None]:
    """Return who serves a provider: our own models by name, all others through one library."""
    return lambda provider: own.get(provider, others)
