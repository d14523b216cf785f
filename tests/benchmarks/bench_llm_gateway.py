"""What the llm-gateway costs: CPU a call and a chunk, and how many calls it carries."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.contract.content import LlmConfig
from jidoka.contract.internal import LlmCall
from jidoka.llm.gateway_client import GatewayClient
from tests.benchmarks.results import Figure, p50
from tests.support.gateway import running_gateway

CALLS = 300
AT_ONCE = 8
LONG = 2_000
STREAMS = 100
TOOL = {
    "type": "function",
    "function": {"name": "read", "description": "Read a file.", "parameters": {"type": "object"}},
}
pytestmark = pytest.mark.timeout(300)


class Meter:
    """Calls through a gateway, and what they cost it."""

    def __init__(self, client: GatewayClient, gateway: psutil.Process) -> None:
        self._client = client
        self._gateway = gateway
        self._made = 0

    async def call(self, llm: LlmConfig) -> float:
        """Make one call; return its seconds."""
        self._made += 1
        began = time.perf_counter()
        await self._client.complete(
            LlmCall(
                call_id=f"c{self._made}",
                session_id=f"s{self._made % 50}",
                turn_id="t1",
                epoch=1,
                llm=llm,
                messages=({"role": "user", "content": "hi"},),
                tools=(TOOL,),
            )
        )
        return time.perf_counter() - began

    async def many(self, llm: LlmConfig, count: int, at_once: int) -> tuple[float, float, float]:
        """Make calls; return CPU ms a call, calls a second, median ms of a call."""
        room = asyncio.Semaphore(at_once)

        async def one() -> float:
            async with room:
                return await self.call(llm)

        before, began = self.cpu_s(), time.perf_counter()
        times = await asyncio.gather(*(one() for _ in range(count)))
        spent, took = self.cpu_s() - before, time.perf_counter() - began
        return spent / count * 1e3, count / took, p50(times) * 1e3

    def cpu_s(self) -> float:
        """Return the CPU seconds that the gateway has used."""
        times = self._gateway.cpu_times()
        return times.user + times.system


@asynccontextmanager
async def fake_provider() -> AsyncGenerator[str]:
    """Yield the base URL of an instant provider in a process of its own."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.fake_openai", stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout
    try:
        yield (await server.stdout.readline()).decode().strip()
    finally:
        server.terminate()
        await server.wait()


@pytest.fixture
async def meter(nats_url: str, tmp_path: Path) -> AsyncGenerator[Meter]:
    async with await connect(nats_url, name="bench") as bus:
        await ensure(bus)
        async with running_gateway(nats_url, tmp_path / "gateway") as gateway:
            yield Meter(GatewayClient(bus, NatsBlobs(bus)), psutil.Process(gateway.pid))


async def test_scripted_calls(meter: Meter, tmp_path: Path, record: list[Figure]):
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"answers": [{"text": "one two three"}]}))
    llm = LlmConfig(model=f"scripted:{script}")
    await meter.many(llm, 50, AT_ONCE)

    cpu_ms, rate, each_ms = await meter.many(llm, CALLS, AT_ONCE)

    record += [
        Figure("gateway: CPU a scripted call (all that jidoka adds)", cpu_ms, "ms", 1.0),
        Figure("gateway: scripted calls a second", rate, "1/s", more_is_better=True),
        Figure("gateway: scripted call, p50 of 8 at once", each_ms, "ms"),
    ]


async def test_calls_of_an_instant_provider(meter: Meter, record: list[Figure]):
    async with fake_provider() as address:
        llm = LlmConfig(model="words-3", api_base=address)
        await meter.many(llm, 50, AT_ONCE)

        alone_ms = (await meter.many(llm, 100, 1))[2]
        cpu_ms, rate, _ = await meter.many(llm, CALLS, AT_ONCE)

    record += [
        Figure("gateway: CPU a call through litellm", cpu_ms, "ms", 9.0, 4.0),
        Figure("gateway: calls a second through litellm", rate, "1/s", 100, None, True),
        Figure("gateway: call through litellm alone, p50", alone_ms, "ms"),
    ]


async def test_long_streams_of_an_instant_provider(meter: Meter, record: list[Figure]):
    async with fake_provider() as address:
        llm = LlmConfig(model=f"words-{LONG}", api_base=address)
        await meter.call(llm)

        cpu_ms, _, _ = await meter.many(llm, 10, 1)

    record.append(Figure("gateway: CPU a chunk", cpu_ms / LONG * 1e3, "µs", 282))


async def test_many_streams_at_the_pace_of_a_model(meter: Meter, record: list[Figure]):
    words = 100
    async with fake_provider() as address:
        llm = LlmConfig(model=f"slow-{words}", api_base=address)
        await meter.call(llm)

        before, began = meter.cpu_s(), time.perf_counter()
        times: list[Any] = await asyncio.gather(*(meter.call(llm) for _ in range(STREAMS)))
        busy = (meter.cpu_s() - before) / (time.perf_counter() - began)

    record += [
        Figure(f"gateway: {STREAMS} streams of 50 words a second, p50", p50(times), "s"),
        Figure("gateway: part of a core that they take", busy, ""),
    ]
