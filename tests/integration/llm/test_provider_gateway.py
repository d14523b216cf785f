"""A provider behind the gateway: keys, limits, silence."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import (
    JidokaError,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
    ProviderUnknown,
)
from jidoka.llm.gateway_client import GatewayClient
from tests.support.gateway import gateway_here
from tests.support.llm import ENVIRONMENT, KEY, Gatewayed, Provider

# what litellm's models say of themselves when they are first used
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item:UserWarning"),
    pytest.mark.timeout(120),  # the first test of a process imports the library: seconds alone
]


async def test_no_key_is_on_the_bus_or_in_the_log(
    provider: Provider, nats_url: str, tmp_path: Any, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    seen: list[bytes] = []

    async def see(message: Any) -> None:
        seen.append(message.subject.encode() + message.data)

    async with await connect(nats_url, name="test") as bus:
        await ensure(bus)
        await bus.subscribe(">", see)
        async with gateway_here(bus, ENVIRONMENT, home=tmp_path):
            client = GatewayClient(bus, NatsBlobs(bus))
            for number, model in enumerate(("words-3", "status-401", "status-500", "cut")):
                llm = LlmConfig(
                    model=model, api_base=provider.server.base_url, api_key_ref="env:FAKE_KEY"
                )
                try:
                    await client.complete(provider.call(call_id=f"c{number}", llm=llm))
                except JidokaError as problem:
                    seen.append(str(problem).encode())

    assert len(provider.server.requests) == 4
    assert all(
        headers["authorization"] == f"Bearer {KEY}" for _, headers, _ in provider.server.requests
    )
    assert not [body for body in seen if b"canary" in body]
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("model", "which", "limits"),
    [
        ("hang", "first byte", {"first_byte_timeout_s": 0.3, "silence_timeout_s": 20.0}),
        ("stall", "silence", {"first_byte_timeout_s": 20.0, "silence_timeout_s": 0.3}),
    ],
)
async def test_a_provider_that_falls_silent_is_timed_out(
    provider: Provider,
    nats_url: str,
    tmp_path: Any,
    *,
    model: str,
    which: str,
    limits: dict[str, float],
):
    async with (
        await connect(nats_url, name="test") as bus,
        gateway_here(bus, {}, home=tmp_path, **limits),
    ):
        client = GatewayClient(bus, NatsBlobs(bus))
        llm = LlmConfig(model=model, api_base=provider.server.base_url)

        with pytest.raises(ProviderTimeout) as ended:
            await client.complete(provider.call(call_id=model, llm=llm))

    assert ended.value.which == which


async def test_a_provider_that_nobody_serves_is_named(
    provider: Provider, nats_url: str, tmp_path: Any
):
    async with (
        await connect(nats_url, name="test") as bus,
        gateway_here(bus, {}, home=tmp_path),
    ):
        client = GatewayClient(bus, NatsBlobs(bus))

        with pytest.raises(ProviderUnknown, match="nobody"):
            await client.complete(provider.call(llm=LlmConfig(model="nobody/knows")))


async def test_all_sessions_wait_together_when_a_provider_says_429(gatewayed: Gatewayed):
    gatewayed.server.retry_after = "0.3"
    gatewayed.server.names["busy"] = ["status-429", "words-3"]
    with pytest.raises(ProviderRateLimited):
        await gatewayed.asked("busy", "first")

    await asyncio.gather(*(gatewayed.asked("busy", f"c{n}") for n in range(5)))

    refused, *others = gatewayed.server.came
    assert len(others) == 5
    assert min(others) - refused >= 0.3
    assert gatewayed.answered[0] == "c0"  # it went alone, to see
    assert sorted(gatewayed.answered) == [f"c{n}" for n in range(5)]


async def test_a_provider_that_keeps_failing_is_left_alone(gatewayed: Gatewayed):
    for number in range(5):
        with pytest.raises(ProviderUnavailable):
            await gatewayed.asked("status-500", f"c{number}")
    before = gatewayed.server.count

    with pytest.raises(ProviderUnavailable):
        await gatewayed.asked("words-3", "one-more")

    assert gatewayed.server.count == before


async def test_a_call_said_as_text_is_a_call(gatewayed: Gatewayed):
    answer = await gatewayed.asked("as-text", "c1")

    assert [(call.tool, json.loads(call.arguments)) for call in answer.tool_calls] == [
        ("read", {"path": "a.txt"})
    ]
    assert answer.content == "I will look."
