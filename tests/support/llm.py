"""What tests of model calls share: a gateway's world, the library before a fake provider."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Any

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.buckets import Answers
from jidoka.bus.connection import Bus
from jidoka.contract import subjects
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import TimedOut, Unavailable
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.llm.gateway_client import GatewayClient
from jidoka.llm.pieces import Route
from jidoka.llm.provider import ProviderLibrary
from jidoka.llm.stream import Folding
from jidoka.llm_gateway.keys import KeyRing
from tests.support.fake_openai import Server
from tests.support.gateway import GatewayProcess, gateway_here, running_gateway

KEY = "sk-canary-00112233445566778899aabb"
ENVIRONMENT = {"FAKE_KEY": KEY}
TOOL = {
    "type": "function",
    "function": {"name": "read", "description": "r", "parameters": {"type": "object"}},
}
LIBRARY = ProviderLibrary(KeyRing(ENVIRONMENT, (), everything=True))
"""Its import takes seconds: once for all tests of a run."""


class World:
    """A broker, a gateway on it, and a worker's way to both."""

    def __init__(self, bus: Bus, url: str, folder: Path) -> None:
        self.bus = bus
        self.url = url
        self.folder = folder
        self.client = GatewayClient(bus, NatsBlobs(bus), silence_s=1.0, patience_s=1.0)

    def script(self, *answers: dict[str, Any]) -> str:
        """Write a script and return its name as a model."""
        file = self.folder / f"script-{len(list(self.folder.glob('script-*')))}.json"
        file.write_text(json.dumps({"answers": answers}))
        return f"scripted:{file}"

    def call(self, model: str, call_id: str = "call-1", **fields: Any) -> LlmCall:
        """Return a call of that model."""
        wanted: dict[str, Any] = {
            "call_id": call_id,
            "session_id": "s1",
            "turn_id": "t1",
            "epoch": 1,
            "llm": LlmConfig(model=model),
            "messages": ({"role": "user", "content": "hi"},),
        }
        return LlmCall(**(wanted | fields))

    async def asked(self, model: str, **fields: Any) -> LlmAnswer:
        """Return the model's answer to a new call."""
        return await self.client.complete(self.call(model, **fields))

    def gateway(self, **settings: Any) -> AbstractAsyncContextManager[None]:
        """Return the context of a gateway in this process, without any key."""
        return gateway_here(self.bus, {}, home=self.folder, **settings)

    def process(self, name: str = "gateway") -> AbstractAsyncContextManager[GatewayProcess]:
        """Return the context of a gateway process."""
        return running_gateway(self.url, self.folder / name)


async def in_flight(bus: Bus, call_id: str) -> None:
    """Return when the gateway has the call, seen by its answer on the call's own subject.

    A call that was quicker than the question is over: its answer is remembered.
    """
    async with asyncio.timeout(25):
        while await Answers(bus).get(call_id) is None:
            # not yet there, or it crossed the end of the call
            with suppress(Unavailable, TimedOut):
                await bus.request(subjects.llm_call(call_id), b"{}", 1.0)
                return
            await asyncio.sleep(0.01)


async def landed(bus: Bus, call_id: str) -> None:
    """Return when no gateway has the call any more."""
    async with asyncio.timeout(25):
        while True:
            try:
                await bus.request(subjects.llm_call(call_id), b"{}", 1.0)
            except Unavailable:
                return
            except TimedOut:
                pass  # it crossed the end of the call


class Provider:
    """The library, pointed at the fake."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def call(self, **fields: Any) -> LlmCall:
        """Return a call with a tool."""
        said = ({"role": "user", "content": "hi"},)
        wanted: dict[str, Any] = {
            "call_id": "0199a1b2-0000-7000-8000-00000000c0de",
            "session_id": "s1",
            "turn_id": "t1",
            "epoch": 1,
            "llm": LlmConfig(),
            "messages": said,
            "tools": (TOOL,),
        }
        return LlmCall(**(wanted | fields))

    async def asked(self, model: str, *, provider: str = "openai", **fields: Any) -> LlmAnswer:
        """Return the answer of that model."""
        call = self.call(**fields)
        folding = Folding(provider)
        route = Route(provider, model, self.server.base_url, "env:FAKE_KEY")
        async for piece in LIBRARY.stream(call, route):
            folding.add(piece)
        return folding.answer(call, model)

    @property
    def last(self) -> dict[str, Any]:
        """The body of the last request."""
        return self.server.requests[-1][2]


class Gatewayed:
    """Calls of a fake provider through a gateway."""

    def __init__(self, provider: Provider, client: GatewayClient) -> None:
        self.server = provider.server
        self._provider = provider
        self._client = client
        self.answered: list[str] = []

    async def asked(self, model: str, call_id: str, **llm: Any) -> LlmAnswer:
        """Return the answer of the fake's model; note when it came."""
        config = LlmConfig(model=model, api_base=self.server.base_url, **llm)
        answer = await self._client.complete(self._provider.call(call_id=call_id, llm=config))
        self.answered.append(call_id)
        return answer
