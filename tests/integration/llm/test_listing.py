"""The model of a server whose address is configured without one."""

from __future__ import annotations

import pytest

from jidoka.bus import requests
from jidoka.contract import subjects
from jidoka.contract.errors import ProviderUnavailable
from jidoka.contract.internal import LlmModels, LlmModelsRequest
from jidoka.llm.listing import first_model
from tests.support.fake_openai import running_openai
from tests.support.llm import World


async def test_the_first_model_that_a_server_lists_is_taken(world: World):
    async with running_openai() as server, world.gateway(api_base=server.base_url):
        found = await requests.ask(
            world.bus, subjects.LLM_MODELS, LlmModelsRequest(), LlmModels, 10
        )

    assert (found.full_name, found.api_base) == ("openai/words-3", server.base_url)


async def test_the_key_that_was_named_for_a_server_goes_with_the_question():
    async with running_openai() as server:
        await first_model(server.base_url, "k-1")

    assert server.requests[0][1]["authorization"] == "Bearer k-1"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/v1", "file:///etc", "nonsense"])
async def test_a_server_that_cannot_be_reached_is_unavailable(address: str):
    with pytest.raises(ProviderUnavailable):
        await first_model(address)
