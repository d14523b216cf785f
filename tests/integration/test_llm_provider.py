"""Providers through litellm, against a fake one that answers in every bad way."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import (
    ApiKeyMissing,
    ContextOverflow,
    InvalidMessage,
    JidokaError,
    ModelUnknown,
    ProviderAuth,
    ProviderBadAnswer,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
    ProviderUnknown,
)
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.llm.gateway_client import GatewayClient
from jidoka.llm.pieces import Route
from jidoka.llm.provider import ProviderLibrary
from jidoka.llm.provider_names import PROVIDER_NAMES
from jidoka.llm.providers import KEYLESS, PROVIDERS
from jidoka.llm.stream import Folding
from jidoka.llm_gateway.keys import KeyRing
from tests.support.fake_openai import Server, running_openai
from tests.support.gateway import gateway_here

KEY = "sk-canary-00112233445566778899aabb"
ENVIRONMENT = {"FAKE_KEY": KEY}
# what litellm's models say of themselves when they are first used
pytestmark = pytest.mark.filterwarnings("ignore:Item:UserWarning")
TOOL = {
    "type": "function",
    "function": {"name": "read", "description": "r", "parameters": {"type": "object"}},
}
# the import takes seconds: once for all tests of this file
LIBRARY = ProviderLibrary(KeyRing(ENVIRONMENT, (), everything=True))


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


@pytest.fixture
async def provider() -> AsyncGenerator[Provider]:
    await LIBRARY.load()
    async with running_openai() as server:
        yield Provider(server)


async def test_the_names_of_providers_are_the_librarys(provider: Provider):
    assert provider.server.count == 0
    assert LIBRARY.providers == PROVIDER_NAMES
    assert set(PROVIDERS) | KEYLESS <= PROVIDER_NAMES


@pytest.mark.parametrize("name", [p.name for p in PROVIDERS.values() if p.model])
async def test_the_default_models_are_known_with_their_window(provider: Provider, name: str):
    window = LIBRARY.window_of(Route(name, PROVIDERS[name].model))

    assert window is not None
    assert window >= 100_000


async def test_text_and_usage_of_a_stream_arrive(provider: Provider):
    answer = await provider.asked("words-40")

    assert answer.content == "".join(f"w{number} " for number in range(40))
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 40)


@pytest.mark.parametrize(
    ("name", "model", "extra", "thought"),
    [
        ("anthropic", "claude-sonnet-5-5", {}, "hm"),
        ("gemini", "gemini-3.5-flash", {}, "hm"),
        ("openai", "gpt-5.6", {"reasoning_effort": "low"}, ""),
    ],
)
async def test_other_dialects_are_read_alike(
    provider: Provider, name: str, model: str, extra: dict[str, Any], thought: str
):
    answer = await provider.asked(model, provider=name, llm=LlmConfig(extra=extra))

    assert (answer.content, answer.reasoning) == ("Hello there", thought)
    assert [(c.tool, json.loads(c.arguments)) for c in answer.tool_calls] == [
        ("read", {"path": "a.txt"})
    ]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 7)
    assert answer.finish_reason == "tool_calls"


@pytest.mark.parametrize("name", ["anthropic", "gemini", "deepseek", "mistral"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ProviderAuth),
        (429, ProviderRateLimited),
        (500, ProviderUnavailable),
        (400, ProviderRefused),
    ],
)
async def test_failures_of_other_providers_are_typed_tried_once_and_name_no_key(
    provider: Provider, name: str, status: int, kind: type[JidokaError]
):
    provider.server.status = status

    with pytest.raises(kind) as failed:
        await provider.asked("some-model", provider=name)

    assert "canary" not in json.dumps(failed.value.as_dict())
    assert provider.server.count == 1
    if isinstance(failed.value, ProviderRateLimited):
        assert failed.value.retry_after_s == 7.0


async def test_the_price_of_an_unknown_model_is_unknown_and_never_zero(provider: Provider):
    answer = await provider.asked("words-3")

    assert answer.cost_usd is None


async def test_the_price_of_a_known_model_is_told(provider: Provider):
    answer = await provider.asked("deepseek-chat", provider="deepseek")

    assert answer.cost_usd is not None
    assert 0 < answer.cost_usd < 0.01


@pytest.mark.parametrize(
    ("model", "calls"),
    [
        ("tool-read", [("read", '{"path": "a.txt"}')]),
        ("parallel", [("read", '{"path":"a"}'), ("grep", '{"text":"b"}')]),
        ("same-index", [("read", '{"path":"a"}'), ("read", '{"path":"b"}')]),
    ],
)
async def test_tool_calls_are_put_together(
    provider: Provider, model: str, calls: list[tuple[str, str]]
):
    answer = await provider.asked(model)

    assert [(call.tool, call.arguments) for call in answer.tool_calls] == calls
    assert answer.finish_reason == "tool_calls"


async def test_reasoning_is_kept_apart_from_the_answer(provider: Provider):
    answer = await provider.asked("reasoning")

    assert (answer.reasoning, answer.content) == ("let me see", "w0 ")


async def test_usage_that_a_provider_leaves_out_is_unknown(provider: Provider):
    answer = await provider.asked("no-usage")

    assert (answer.usage, answer.cost_usd) == (None, None)


async def test_an_answer_that_stops_at_its_length_says_so(provider: Provider):
    answer = await provider.asked("length")

    assert answer.finish_reason == "length"


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("status-401", ProviderAuth),
        ("status-403", ProviderAuth),
        ("status-429", ProviderRateLimited),
        ("status-400", ProviderRefused),
        ("status-404", ModelUnknown),
        ("status-500", ProviderUnavailable),
        ("status-503", ProviderUnavailable),
        ("status-504", ProviderTimeout),
        ("error-in-stream", ProviderUnavailable),
        ("context", ContextOverflow),
        ("policy", ProviderRefused),
        ("filter", ProviderRefused),
        ("refusal", ProviderRefused),
        ("unknown-model", ModelUnknown),
        ("bad-request", ProviderRefused),
        ("empty", ProviderBadAnswer),
        ("cut", ProviderBadAnswer),
        ("cut-clean", ProviderBadAnswer),
        ("garbage", ProviderBadAnswer),
        ("page", ProviderBadAnswer),
    ],
)
async def test_each_failure_is_typed_tried_once_and_names_no_key(
    provider: Provider, model: str, kind: type[JidokaError], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)

    with pytest.raises(kind) as failed:
        await provider.asked(model)

    told = json.dumps(failed.value.as_dict()) + str(failed.value) + caplog.text
    assert "canary" not in told
    assert failed.value.__cause__ is None
    assert provider.server.count == 1


async def test_a_rate_limit_says_how_long_to_wait(provider: Provider):
    with pytest.raises(ProviderRateLimited) as refused:
        await provider.asked("status-429")

    assert refused.value.retry_after_s == 7.0


async def test_an_overflow_names_the_window(provider: Provider):
    with pytest.raises(ContextOverflow) as refused:
        await provider.asked("context")

    assert refused.value.window == 8192


async def test_a_server_that_is_not_there_is_unavailable(provider: Provider):
    async with running_openai() as gone:
        address = gone.base_url

    with pytest.raises(ProviderUnavailable):
        async for _ in LIBRARY.stream(provider.call(), Route("openai", "words-3", address)):
            pass


async def test_the_request_carries_what_the_session_set(provider: Provider):
    llm = LlmConfig(
        temperature=0.5, max_tokens=77, extra={"top_p": 0.9, "seed": 3, "extra_body": {"own": 1}}
    )

    await provider.asked("words-3", llm=llm)

    sent = provider.last
    assert (sent["temperature"], sent["max_tokens"]) == (0.5, 77)
    assert (sent["top_p"], sent["seed"], sent["own"]) == (0.9, 3, 1)
    assert sent["tools"][0]["function"]["name"] == "read"
    assert sent["messages"] == [{"role": "user", "content": "hi"}]


async def test_without_a_setting_the_answer_has_4096_tokens(provider: Provider):
    await provider.asked("words-3")

    assert provider.last["max_tokens"] == 4_096
    assert "temperature" not in provider.last


@pytest.mark.parametrize("name", ["api_key", "api_base", "base_url", "extra_headers", "model"])
async def test_no_extra_says_where_a_call_goes_or_with_which_key(provider: Provider, name: str):
    with pytest.raises(InvalidMessage, match=name):
        await provider.asked("words-3", llm=LlmConfig(extra={name: "x"}))

    assert provider.server.count == 0


async def test_a_key_goes_where_it_is_named_and_nowhere_else(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-canary-0000000000")

    await provider.asked("words-3")
    async for _ in LIBRARY.stream(
        provider.call(), Route("openai", "words-3", provider.server.base_url)
    ):
        pass

    sent = [headers["authorization"] for _, headers, _ in provider.server.requests]
    assert sent == [f"Bearer {KEY}", "Bearer none"]


async def test_a_key_that_is_not_set_is_named_with_the_ways_to_set_it(provider: Provider):
    route = Route("openai", "words-3", provider.server.base_url, "env:NOT_SET")

    with pytest.raises(ApiKeyMissing, match="export NOT_SET") as refused:
        await anext(LIBRARY.stream(provider.call(), route))

    assert refused.value.exit_code == 7


async def test_many_calls_at_once_keep_apart(provider: Provider):
    answers = await asyncio.gather(*(provider.asked(f"words-{number}") for number in range(1, 21)))

    assert [len(answer.content.split()) for answer in answers] == list(range(1, 21))


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


async def test_a_provider_that_falls_silent_is_timed_out(
    provider: Provider, nats_url: str, tmp_path: Any
):
    async with (
        await connect(nats_url, name="test") as bus,
        gateway_here(bus, {}, home=tmp_path, silence_timeout_s=0.3, first_byte_timeout_s=0.3),
    ):
        client = GatewayClient(bus, NatsBlobs(bus))
        which: list[str] = []
        for model in ("hang", "stall"):
            llm = LlmConfig(model=model, api_base=provider.server.base_url)
            with pytest.raises(ProviderTimeout) as ended:
                await client.complete(provider.call(call_id=model, llm=llm))
            which.append(ended.value.which)

    assert which == ["first byte", "silence"]


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


@pytest.fixture
async def gatewayed(provider: Provider, nats_url: str, tmp_path: Any) -> AsyncGenerator[Gatewayed]:
    async with (
        await connect(nats_url, name="test") as bus,
        gateway_here(bus, {}, home=tmp_path),
    ):
        yield Gatewayed(provider, GatewayClient(bus, NatsBlobs(bus)))


async def test_all_sessions_wait_together_when_a_provider_says_429(gatewayed: Gatewayed):
    gatewayed.server.retry_after = "0.3"
    gatewayed.server.names["busy"] = ["status-429", "words-3"]
    with pytest.raises(ProviderRateLimited):
        await gatewayed.asked("busy", "first")
    before = gatewayed.server.count

    tasks = [asyncio.create_task(gatewayed.asked("busy", f"c{n}")) for n in range(5)]
    await asyncio.sleep(0.1)
    meanwhile = gatewayed.server.count
    await asyncio.gather(*tasks)

    assert meanwhile == before
    assert gatewayed.answered == [f"c{n}" for n in range(5)]


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
