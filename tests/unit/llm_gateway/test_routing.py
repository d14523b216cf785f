"""Where a call goes, by what a session says of its model and what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import ApiKeyMissing, ModelUnknown, ProviderUnknown
from jidoka.llm.pieces import Route
from jidoka.llm.providers import maker_of
from jidoka.llm_gateway.routing import Surroundings, routes
from jidoka.settings import GatewaySettings

KNOWN = {"openai", "anthropic", "gemini", "hosted_vllm", "groq", "newcomer"}
LOCAL_URL = "http://127.0.0.1:1/v1"


def around(
    environment: dict[str, str] | None = None,
    *,
    has_local: bool = False,
    server_model: str | None = None,
    **settings: Any,
) -> Surroundings:
    return Surroundings(
        server_model=server_model,
        settings=GatewaySettings(home=Path("/nowhere"), **settings),
        environment=environment or {},
        has_local=lambda: has_local,
        is_provider=KNOWN.__contains__,
        provider_of=maker_of,
    )


def routed(config: LlmConfig, there: Surroundings | None = None) -> tuple[str, str]:
    route = routes(config, there or around())[0]
    return route.provider, route.model


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LlmConfig(model="openai/gpt-5"), ("openai", "gpt-5")),
        (LlmConfig(provider="openai", model="gpt-5"), ("openai", "gpt-5")),
        (LlmConfig(provider="openai", model="openai/gpt-5"), ("openai", "gpt-5")),
        (LlmConfig(model="gpt-5"), ("openai", "gpt-5")),
        (LlmConfig(model="claude-x"), ("anthropic", "claude-x")),
        (LlmConfig(model="o3-mini"), ("openai", "o3-mini")),
        (LlmConfig(model="gemini-9"), ("gemini", "gemini-9")),
        (LlmConfig(model="newcomer/a/b"), ("newcomer", "a/b")),
        (LlmConfig(model="any", api_base=LOCAL_URL), ("openai", "any")),
        (LlmConfig(model="Qwen/Qwen3", api_base=LOCAL_URL), ("openai", "Qwen/Qwen3")),
        (LlmConfig(model="hosted_vllm/x", api_base=LOCAL_URL), ("hosted_vllm", "x")),
        (LlmConfig(model="scripted:/a/b.json"), ("scripted", "/a/b.json")),
        (LlmConfig(provider="scripted", model="s.json"), ("scripted", "s.json")),
        (LlmConfig(provider="scripted", model="scripted:s.json"), ("scripted", "s.json")),
        (LlmConfig(model="local"), ("local", "")),
        (LlmConfig(provider="local"), ("local", "")),
        (LlmConfig(model="local:/m.gguf"), ("local", "/m.gguf")),
    ],
)
def test_a_model_that_is_named_is_found(config: LlmConfig, expected: tuple[str, str]):
    assert routed(config) == expected


def test_a_provider_with_a_key_and_no_model_gets_its_default():
    provider, model = routed(LlmConfig(provider="anthropic"))

    assert provider == "anthropic"
    assert model


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (LlmConfig(model="nobody/x"), ProviderUnknown),
        (LlmConfig(provider="nobody", model="x"), ProviderUnknown),
        (LlmConfig(model="never-heard-of"), ModelUnknown),
        (LlmConfig(provider="groq"), ModelUnknown),
        (LlmConfig(api_base=LOCAL_URL), ModelUnknown),
    ],
)
def test_what_nobody_serves_is_refused(config: LlmConfig, kind: type[Exception]):
    with pytest.raises(kind):
        routed(config)


def test_without_a_model_what_is_configured_is_taken():
    there = around(
        {"OPENAI_API_KEY": "k"},
        has_local=True,
        model="mine",
        api_base=LOCAL_URL,
        api_key_ref="env:MINE",
    )

    (route,) = routes(LlmConfig(), there)

    assert (route.model, route.api_base, route.key_reference) == ("mine", LOCAL_URL, "env:MINE")


def test_else_the_first_provider_with_a_key():
    there = around({"GEMINI_API_KEY": "k", "XAI_API_KEY": "k"}, has_local=True)

    assert routed(LlmConfig(), there)[0] == "gemini"


def test_else_the_first_model_of_the_configured_server():
    there = around(has_local=True, server_model="qwen", api_base=LOCAL_URL)

    (route,) = routes(LlmConfig(), there)

    assert (route.provider, route.model, route.api_base) == ("openai", "qwen", LOCAL_URL)


def test_a_configured_server_that_lists_no_model_is_named():
    with pytest.raises(ModelUnknown, match="JIDOKA_MODEL"):
        routes(LlmConfig(), around(has_local=True, api_base=LOCAL_URL))


def test_else_the_embedded_model():
    assert routed(LlmConfig(), around(has_local=True)) == ("local", "")


def test_else_three_ways_to_get_one_are_named():
    with pytest.raises(ApiKeyMissing) as refused:
        routed(LlmConfig())

    assert len(refused.value.ways) == 3
    assert refused.value.exit_code == 7
    assert all(way in refused.value.message for way in refused.value.ways)


def test_a_temperature_alone_names_no_model():
    there = around({"OPENAI_API_KEY": "k"})

    assert routed(LlmConfig(temperature=0.1), there)[0] == "openai"


@pytest.mark.parametrize(
    ("config", "reference"),
    [
        (LlmConfig(model="openai/gpt-5"), "env:OPENAI_API_KEY"),
        (LlmConfig(model="groq/x"), "env:GROQ_API_KEY"),
        (LlmConfig(model="newcomer/x"), "env:NEWCOMER_API_KEY"),
        (LlmConfig(model="openai/gpt-5", api_key_ref="env:MINE"), "env:MINE"),
        (LlmConfig(model="x", api_base=LOCAL_URL), ""),
        (LlmConfig(model="openai/x", api_base=LOCAL_URL), ""),
        (LlmConfig(model="x", api_base=LOCAL_URL, api_key_ref="env:MINE"), "env:MINE"),
        (LlmConfig(model="hosted_vllm/x"), ""),
        (LlmConfig(model="scripted:x", api_key_ref="env:MINE"), ""),
    ],
)
def test_a_key_is_looked_for_where_its_provider_keeps_it_and_sent_nowhere_else(
    config: LlmConfig, reference: str
):
    assert routes(config, around())[0].key_reference == reference


def test_the_embedded_model_may_take_longer_to_its_first_byte():
    there = around(first_byte_timeout_s=60.0, local_first_byte_timeout_s=300.0)

    slow, quick = routes(LlmConfig(model="local", fallbacks=("openai/gpt-5",)), there)

    assert (slow.first_byte_s, quick.first_byte_s) == (300.0, 60.0)


def test_fallbacks_follow_in_their_order():
    config = LlmConfig(model="openai/gpt-5", fallbacks=("claude-x", "local"))

    found = routes(config, around())

    assert [route.name for route in found] == ["openai/gpt-5", "anthropic/claude-x", "local"]


def test_calls_share_a_lane_by_server_and_key():
    one, same = Route("openai", "a", None, "env:A"), Route("openai", "b", None, "env:A")

    assert one.lane == same.lane
    assert one.lane != Route("openai", "a", None, "env:B").lane
    assert one.lane != Route("openai", "a", LOCAL_URL, "env:A").lane
