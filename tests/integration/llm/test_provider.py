"""Providers through litellm, against a fake one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jidoka.contract.content import LlmConfig
from jidoka.llm.pieces import Route
from jidoka.llm.provider_names import PROVIDER_NAMES
from jidoka.llm.providers import KEYLESS, PROVIDERS
from tests.support.llm import KEY, LIBRARY, Provider

# what litellm's models say of themselves when they are first used
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item:UserWarning"),
    pytest.mark.timeout(120),  # the first test of a process imports the library: seconds alone
]


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


async def test_cached_tokens_cost_less(provider: Provider):
    plain = await provider.asked("deepseek-chat", provider="deepseek")
    provider.server.cached_tokens = 4
    cached = await provider.asked("deepseek-chat", provider="deepseek")

    assert plain.usage == cached.usage
    assert plain.cost_usd is not None
    assert cached.cost_usd is not None
    assert cached.cost_usd < plain.cost_usd


async def test_anthropic_is_told_what_to_keep_for_the_next_step(provider: Provider):
    messages = ({"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"})

    await provider.asked("claude-sonnet-5-5", provider="anthropic", messages=messages)

    keep = {"type": "ephemeral"}
    assert provider.last["system"][-1]["cache_control"] == keep
    assert provider.last["messages"][-1]["content"][-1]["cache_control"] == keep


async def test_without_a_setting_the_answer_has_4096_tokens(provider: Provider):
    await provider.asked("words-3")

    assert provider.last["max_tokens"] == 4_096
    assert "temperature" not in provider.last


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


async def test_many_calls_at_once_keep_apart(provider: Provider):
    answers = await asyncio.gather(*(provider.asked(f"words-{number}") for number in range(1, 21)))

    assert [len(answer.content.split()) for answer in answers] == list(range(1, 21))
