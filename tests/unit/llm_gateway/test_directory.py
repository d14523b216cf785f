"""Which model a call would use, and whose key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import ApiKeyMissing, Forbidden, ModelUnknown
from jidoka.contract.internal import LlmModelsRequest
from jidoka.llm.pieces import Route
from jidoka.llm.scripted import ScriptedModel
from jidoka.llm_gateway.directory import LocalFiles, ModelDirectory
from jidoka.llm_gateway.keys import KeyRing, read_rules
from jidoka.settings import GatewaySettings

RULE = {"reference": "env:TEAM_KEY", "owners": ["ann"], "hosts": ["openai"]}
ENVIRONMENT = {"TEAM_KEY": "k", "OTHER_KEY": "k", "DEEPSEEK_API_KEY": "k"}


class Library:
    """A provider library that knows one model, once it is loaded."""

    def __init__(self) -> None:
        self.loads = 0

    async def load(self) -> None:
        self.loads += 1

    def provider_of(self, model: str) -> str | None:
        return "groq" if self.loads and model == "odd-name" else None

    def window_of(self, route: Route) -> int | None:
        return 8_192 if route.provider == "groq" else None


def directory(tmp_path: Path, library: Library | None = None, **settings: Any) -> ModelDirectory:
    wanted = GatewaySettings(home=tmp_path, **settings)
    everything = wanted.profile == "local"
    keys = KeyRing(ENVIRONMENT, read_rules(wanted.key_rules), everything=everything)
    return ModelDirectory(
        wanted,
        ENVIRONMENT,
        library or Library(),
        keys,
        ScriptedModel(),
        LocalFiles(tmp_path),
    )


async def test_a_model_that_only_the_library_knows_is_looked_up_there(tmp_path: Path):
    library = Library()

    found = await directory(tmp_path, library).routes(
        LlmConfig(model="odd-name", api_key_ref="env:TEAM_KEY"), ""
    )

    assert found[0].provider == "groq"
    assert library.loads == 1


async def test_what_the_library_does_not_know_either_is_refused(tmp_path: Path):
    with pytest.raises(ModelUnknown):
        await directory(tmp_path).routes(LlmConfig(model="no-such-model"), "")


async def test_a_fallback_needs_a_rule_like_any_other_model(tmp_path: Path):
    there = directory(tmp_path, profile="cluster", key_rules=(RULE,))
    first = LlmConfig(model="openai/gpt-5", api_key_ref="env:TEAM_KEY")

    await there.routes(first, "ann")

    with pytest.raises(Forbidden):
        await there.routes(first.model_copy(update={"fallbacks": ("deepseek/x",)}), "ann")


async def test_a_fallback_without_a_key_is_met_only_when_it_is_needed(tmp_path: Path):
    config = LlmConfig(model="deepseek/x", fallbacks=("mistral/y",))

    found = await directory(tmp_path).routes(config, "")

    assert [route.provider for route in found] == ["deepseek", "mistral"]


async def test_what_would_be_used_is_told_with_what_has_a_key(tmp_path: Path):
    found = await directory(tmp_path).models(LlmModelsRequest())

    assert (found.provider, found.api_key_ref) == ("deepseek", "env:DEEPSEEK_API_KEY")
    assert "deepseek" in found.known
    assert "openai" not in found.known


async def test_a_key_that_is_missing_is_told_beforehand(tmp_path: Path):
    with pytest.raises(ApiKeyMissing):
        await directory(tmp_path).models(LlmModelsRequest(llm=LlmConfig(model="openai/gpt-5")))


async def test_a_file_of_weights_that_is_none_is_told_beforehand(tmp_path: Path):
    with pytest.raises(ModelUnknown):
        await directory(tmp_path).models(
            LlmModelsRequest(llm=LlmConfig(model=f"local:{tmp_path}/nothing.gguf"))
        )


def test_the_library_is_worth_loading_early_where_a_key_is(tmp_path: Path):
    assert directory(tmp_path).expects_provider()
