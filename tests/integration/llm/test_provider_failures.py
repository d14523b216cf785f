"""Providers through litellm, against a fake one that answers in every bad way."""

from __future__ import annotations

import json
import logging

import pytest

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
)
from jidoka.llm.pieces import Route
from tests.support.llm import LIBRARY, Provider
from tests.support.ports import refusing_port

# what litellm's models say of themselves when they are first used
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item:UserWarning"),
    pytest.mark.timeout(120),  # the first test of a process imports the library: seconds alone
]


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
    with refusing_port() as port:
        route = Route("openai", "words-3", f"http://127.0.0.1:{port}/v1")
        with pytest.raises(ProviderUnavailable) as failed:
            async for _ in LIBRARY.stream(provider.call(), route):
                pass

    assert failed.value.message == "openai could not be reached."


@pytest.mark.parametrize("name", ["api_key", "api_base", "base_url", "extra_headers", "model"])
async def test_no_extra_says_where_a_call_goes_or_with_which_key(provider: Provider, name: str):
    with pytest.raises(InvalidMessage, match=name):
        await provider.asked("words-3", llm=LlmConfig(extra={name: "x"}))

    assert provider.server.count == 0


async def test_a_key_that_is_not_set_is_named_with_the_ways_to_set_it(provider: Provider):
    route = Route("openai", "words-3", provider.server.base_url, "env:NOT_SET")

    with pytest.raises(ApiKeyMissing, match="export NOT_SET") as refused:
        await anext(LIBRARY.stream(provider.call(), route))

    assert refused.value.exit_code == 7
