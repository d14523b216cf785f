"""The embedded model as a provider: `local` (the wheels' model) and `local:PATH` (any GGUF file).

A call is made small (`small_model`), sent to the model's own server, and its answer made a text or
a tool call again. One call at a time: the server has one slot, and a second one would only make
both slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Protocol

from jidoka.contract.content import LlmConfig, Usage
from jidoka.contract.errors import ProviderBadAnswer
from jidoka.contract.internal import LlmCall
from jidoka.llm.local_server import LocalServer
from jidoka.llm.pieces import CallPart, Finish, Model, Piece, Route, Spent, Text
from jidoka.llm.small_model import compact, expand, question
from jidoka.llm.weights import checked_gguf, default_cache, prepare

WINDOW: Final = 8_192
"""Tokens that the model's server keeps."""


class TokenOf(Protocol):
    """Where the inner provider gets the server's token from."""

    def key(self, route: Route) -> str | None:
        """Return the token of the server that runs now."""
        ...


class _Token:
    def __init__(self) -> None:
        self.value = ""

    def key(self, route: Route) -> str | None:
        """Return the token of the server that runs now."""
        del route
        return self.value


class EmbeddedModel:
    """Answers from a model on this machine."""

    def __init__(self, library: Callable[[TokenOf], Model], cache: Path | None = None) -> None:
        self._token = _Token()
        self._library = library(self._token)
        self._cache = cache or default_cache()
        self._server: LocalServer | None = None
        self._turn = asyncio.Lock()

    async def stop(self) -> None:
        """Return when the server is gone."""
        async with self._turn:
            if self._server is not None:
                await self._server.stop()

    async def stream(self, call: LlmCall, route: Route) -> AsyncGenerator[Piece]:
        """Yield the answer to `call`.

        Raises:
            ApiKeyMissing, ModelUnknown, Unavailable: there is no such model here.
            JidokaError: what the server had to say.
        """
        async with self._turn:
            server = await self._serving(route.model)
            address = await server.address()
            self._token.value = address.token
            inner = Route("openai", "local", address.base_url, first_byte_s=route.first_byte_s)
            answer = self._driven(call, inner) if call.tools else self._plain(call, inner)
            async with aclosing(answer) as pieces:
                async for piece in pieces:
                    yield piece

    async def _serving(self, name: str) -> LocalServer:
        """Return the server of a model; the one before it ends, two do not fit a laptop."""
        path = await asyncio.to_thread(self._path, name)
        if self._server is None or self._server.model != path:
            if self._server is not None:
                await self._server.stop()
            self._server = LocalServer(path)
        return self._server

    def _path(self, name: str) -> Path:
        return checked_gguf(name) if name else prepare(self._cache, lambda _done, _total: None)

    async def _plain(self, call: LlmCall, route: Route) -> AsyncGenerator[Piece]:
        """Yield the answer to a call without tools as it comes."""
        async with aclosing(self._library.stream(call, route)) as pieces:
            async for piece in pieces:
                yield _free(piece)

    async def _driven(self, call: LlmCall, route: Route) -> AsyncGenerator[Piece]:
        """Yield the next step: the model's JSON says nothing to a person before it is whole."""
        spent: list[Spent] = []
        try:
            step = compact(call.messages, call.tools, call.attempt)
            said = await self._said(_small(call, step), route, spent)
            asked = question(said, call.messages)
            answer = await self._said(_small(call, asked), route, spent) if asked else ""
            text, calls = expand(said, answer, call.messages)
        except ValueError as problem:
            raise ProviderBadAnswer(provider="local", reason=str(problem)) from None
        if text:
            yield Text(text)
        for number, found in enumerate(calls):
            function = found["function"]
            yield CallPart(number, found["id"], function["name"], function["arguments"])
        yield Spent(_sum(spent), 0.0)
        yield Finish("tool_calls" if calls else "stop")

    async def _said(self, call: LlmCall, route: Route, spent: list[Spent]) -> str:
        """Return the whole answer; what it took is added to `spent`."""
        said: list[str] = []
        async with aclosing(self._library.stream(call, route)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Text):
                    said.append(piece.text)
                elif isinstance(piece, Spent):
                    spent.append(piece)
        return "".join(said)


def _small(call: LlmCall, request: Mapping[str, Any]) -> LlmCall:
    extra = {name: request[name] for name in ("response_format", "seed") if name in request}
    llm = LlmConfig(
        temperature=request["temperature"], max_tokens=request["max_tokens"], extra=extra
    )
    return call.model_copy(update={"messages": tuple(request["messages"]), "tools": (), "llm": llm})


def _sum(spent: Sequence[Spent]) -> Usage | None:
    """Return what all calls took together, None where that is not known of each."""
    known = [each.usage for each in spent if each.usage is not None]
    complete = known and len(known) == len(spent)
    return sum(known, start=Usage(input_tokens=0, output_tokens=0)) if complete else None


def _free(piece: Piece) -> Piece:
    """Return what was spent at no price: the model runs on the owner's own machine."""
    return Spent(piece.usage, 0.0) if isinstance(piece, Spent) else piece
