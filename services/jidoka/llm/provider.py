"""Every provider there is, through litellm. The only file that imports it.

Its import takes seconds and 170 MB, so it happens in a thread, when `load` is called or the first
call needs it. Requests go through litellm. Chunks are read as its clients give them: what it makes
of each costs 0.3 ms more, and its accounts at the end of a stream 5 ms, for figures that stand in
the chunks already, and that it guesses where they do not.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import warnings
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Protocol, cast

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import LlmCall
from jidoka.llm.chunks import chunks_of, pieces_of, tokens_of, usage_in
from jidoka.llm.pieces import Piece, Route, Spent
from jidoka.llm.provider_errors import Asked, translated
from jidoka.llm.provider_request import request_of
from jidoka.llm.providers import COMPATIBLE
from jidoka.llm.warming import answering_once

log = logging.getLogger(__name__)


class Keys(Protocol):
    """Where keys are."""

    def key(self, route: Route) -> str | None:
        """Return the key of a route, None where it needs none; raises `ApiKeyMissing`."""
        ...


class Loader:
    """litellm, loaded once, whoever needs it first."""

    def __init__(self) -> None:
        self.module: Any = None
        """None until it is loaded."""
        self._log: Any = None
        self._loading: asyncio.Task[Any] | None = None

    async def load(self) -> Any:
        """Return the library, loaded and warm; many may wait."""
        if self.module is None:
            if self._loading is None or self._loading.done():
                self._loading = asyncio.create_task(asyncio.to_thread(_load), name="load litellm")
            self.module, self._log = await asyncio.shield(self._loading)
        return self.module

    def silent_log(self, call_id: str) -> Any:
        """Return what litellm takes for the log of a call, and which keeps nothing of it."""
        return _log_of(self._log, call_id)


class ProviderLibrary:
    """Models of all providers, under one ring of keys."""

    def __init__(
        self,
        keys: Keys,
        *,
        connect_s: float = 10.0,
        whole_s: float = 600.0,
        loader: Loader | None = None,
    ) -> None:
        self._keys = keys
        self._connect_s = connect_s
        self._whole_s = whole_s
        self._loader = loader or Loader()

    def with_keys(self, keys: Keys) -> ProviderLibrary:
        """Return the same library under other keys."""
        return ProviderLibrary(
            keys, connect_s=self._connect_s, whole_s=self._whole_s, loader=self._loader
        )

    async def load(self) -> None:
        """Return when the library is loaded and warm; many may wait."""
        await self._loader.load()

    async def prepare(self) -> None:
        """Load it early; a failure is only logged, the first call meets it again."""
        try:
            await self._loader.load()
        except Exception as problem:  # noqa: BLE001 - an import may raise anything
            log.error("litellm cannot be loaded: %s", problem)

    @property
    def providers(self) -> frozenset[str]:
        """The names of all that it serves; empty before it is loaded."""
        listed = self._loader.module.provider_list if self._loader.module is not None else ()
        return frozenset(str(getattr(name, "value", name)) for name in listed)

    def provider_of(self, model: str) -> str | None:
        """Return who serves a model, None if nobody does or it is not loaded."""
        known: Any = self._prices().get(model)
        return known.get("litellm_provider") if known else None

    def window_of(self, route: Route) -> int | None:
        """Return how many tokens a model reads, None if that is not known."""
        known = self._known(route)
        return known.get("max_input_tokens") if known else None

    async def stream(self, call: LlmCall, route: Route) -> AsyncGenerator[Piece]:
        """Yield the answer of a provider.

        Raises:
            ApiKeyMissing, InvalidMessage: nothing was asked.
            JidokaError: what the provider, or the way to it, had to say; never with a key in it.
        """
        key = self._keys.key(route)
        request = request_of(call, route, key)
        litellm = await self._loader.load()
        request["timeout"] = litellm.httpx.Timeout(self._whole_s, connect=self._connect_s)
        request["litellm_logging_obj"] = self._loader.silent_log(call.call_id)
        asked = Asked(route, key, self.window_of(route), self._connect_s)
        spent: Spent | None = None
        counted: Any = None
        try:
            answer = await litellm.acompletion(**request)
            async with aclosing(answer), aclosing(chunks_of(answer)) as chunks:
                async for chunk in chunks:
                    for piece in pieces_of(chunk):
                        yield piece
                    if (tokens := tokens_of(chunk)) is not None:
                        spent, counted = tokens, usage_in(chunk)
        except (JidokaError, GeneratorExit):
            raise
        except Exception as problem:  # noqa: BLE001 - a library of 140 providers raises anything
            raise translated(problem, asked) from None
        if spent is not None:
            yield self._priced(spent, counted, route)

    def _priced(self, spent: Spent, counted: Any, route: Route) -> Spent:
        """Return what was spent with its price, where the provider's prices are known.

        `counted` is what the provider said: tokens that it had cached cost less.
        """
        own_server = route.provider == COMPATIBLE and route.api_base is not None
        known = None if own_server else self._known(route)
        if spent.cost_usd is not None or not known:
            return spent
        litellm = self._loader.module
        try:
            fields = cast("Any", counted) if isinstance(counted, dict) else counted.model_dump()
            asked, said = litellm.cost_per_token(
                model=route.model,
                custom_llm_provider=route.provider,
                usage_object=litellm.Usage(**fields),
            )
        except Exception as problem:  # noqa: BLE001 - an answer without a price is still an answer
            log.warning("no price for %s: %s", route.name, type(problem).__name__)
            return spent
        return Spent(spent.usage, (asked + said) or None)

    def _prices(self) -> Mapping[str, Any]:
        return self._loader.module.model_cost if self._loader.module is not None else {}

    def _known(self, route: Route) -> Mapping[str, Any] | None:
        prices = self._prices()
        return prices.get(f"{route.provider}/{route.model}") or prices.get(route.model)


def _load() -> tuple[Any, Any]:
    """Import the library and call it once, which imports the rest of it: seconds of work."""
    # before the import: else it asks the network for prices, and leaves a thread that tries again
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    # OpenAI's protocol by litellm's own client: OpenAI's library takes 1 ms a call and 0.05 ms a
    # chunk more, and walks through long conversations type by type, 14 ms for 60 messages
    os.environ["EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"] = "True"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own models, to its own authors
        litellm, silent = _imported()
        asyncio.run(_warm(litellm, silent))
    gc.collect()
    gc.freeze()  # else every full collection walks a quarter of a million objects that stay
    return litellm, silent


def _imported() -> tuple[Any, Any]:
    import litellm  # noqa: PLC0415 - see the top of this file
    from litellm.litellm_core_utils.litellm_logging import Logging  # noqa: PLC0415

    class SilentLog(Logging):
        """Keeps no accounts: they take half a millisecond a call, and hold headers and content."""

        def _nothing(self, *_: Any, **__: Any) -> None:
            """Do nothing."""

        async def _nothing_async(self, *_: Any, **__: Any) -> None:
            """Do nothing."""

        pre_call = post_call = failure_handler = success_handler = _nothing
        _response_cost_calculator = response_cost_calculator = _nothing
        async_failure_handler = async_success_handler = _nothing_async
        dispatch_failure_handlers = dispatch_success_handlers = _nothing_async

    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "openai", "httpx"):
        # what they say of a request holds its headers
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm, SilentLog


def _log_of(silent: Any, call_id: str) -> Any:
    return silent(
        model="",
        messages=[],
        stream=True,
        call_type="acompletion",
        start_time=datetime.now(UTC),
        litellm_call_id=call_id,
        function_id="",
        kwargs={},
    )


async def _warm(litellm: Any, silent: Any) -> None:
    tool = {"type": "function", "function": {"name": "warm", "parameters": {"type": "object"}}}
    warm = LlmCall(
        call_id="warm",
        session_id="warm",
        turn_id="warm",
        epoch=0,
        llm=LlmConfig(),
        messages=({"role": "user", "content": "warm"},),
        tools=(tool,),
    )
    async with answering_once() as address:
        request = request_of(warm, Route(COMPATIBLE, "warm", address), None)
        request["litellm_logging_obj"] = _log_of(silent, "warm")
        answer = await litellm.acompletion(**request)
        async with aclosing(answer), aclosing(chunks_of(answer)) as chunks:
            async for _ in chunks:
                pass
