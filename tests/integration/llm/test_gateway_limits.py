"""What the llm-gateway refuses, ends and lets wait."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jidoka.bus import requests
from jidoka.bus.blobs import NatsBlobs
from jidoka.contract import subjects
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import (
    ApiKeyMissing,
    InvalidMessage,
    JidokaError,
    ModelUnknown,
    ProviderBadAnswer,
    ProviderTimeout,
    ProviderUnavailable,
)
from jidoka.contract.internal import LlmModels, LlmModelsRequest
from jidoka.llm.gateway_client import GatewayClient
from tests.support.llm import World, in_flight
from tests.support.nats import NatsServer


async def test_messages_of_another_session_are_not_read(world: World):
    blob = await NatsBlobs(world.bus).put("s2", b'[{"role": "user", "content": "secret"}]')
    call = world.call(world.script({"text": "x"}), messages_ref=blob.ref, messages=())

    async with world.gateway():
        with pytest.raises(InvalidMessage, match="own session"):
            await world.client.complete(call)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"kind": "cut"}, ProviderBadAnswer),
        ({"kind": "garbage"}, ProviderBadAnswer),
        ({"kind": "server", "status": 502}, ProviderUnavailable),
    ],
)
async def test_a_failure_reaches_the_worker_with_its_code(
    world: World, error: dict[str, Any], kind: type[JidokaError]
):
    async with world.gateway():
        with pytest.raises(kind):
            await world.asked(world.script({"text": "half an", "error": error}))


@pytest.mark.parametrize(
    ("answer", "which", "limit"),
    [
        ({"text": "x", "first_delay_s": 60}, "first byte", "first_byte_timeout_s"),
        ({"text": "one two", "error": {"kind": "hang"}}, "silence", "silence_timeout_s"),
        ({"text": "word " * 600, "delay_s": 0.05}, "whole", "whole_timeout_s"),
    ],
)
async def test_each_time_limit_ends_a_call(
    world: World, answer: dict[str, Any], which: str, limit: str
):
    # the others are long: which one it is must not be a matter of the machine's load
    limits = {"first_byte_timeout_s": 0.5, "silence_timeout_s": 20.0, "whole_timeout_s": 25.0}
    if which == "silence":
        limits["first_byte_timeout_s"] = 20.0
    async with world.gateway(**(limits | {limit: 0.5})):
        with pytest.raises(ProviderTimeout) as ended:
            await world.asked(world.script(answer))

    assert ended.value.which == which


async def test_a_fallback_answers_when_the_first_model_cannot(world: World):
    bad = world.script({"error": {"kind": "server"}})
    good = world.script({"text": "instead"})

    async with world.gateway():
        answer = await world.asked(bad, llm=LlmConfig(model=bad, fallbacks=("scripted:x", good)))

    assert (answer.content, answer.model) == ("instead", good)


async def test_no_fallback_speaks_over_what_was_shown(world: World):
    bad = world.script({"text": "half an answer", "error": {"kind": "cut"}})
    good = world.script({"text": "instead"})

    async with world.gateway():
        with pytest.raises(ProviderBadAnswer):
            await world.asked(bad, llm=LlmConfig(model=bad, fallbacks=(good,)))


async def test_more_calls_than_places_wait_their_turn(world: World):
    model = world.script({"text": "x", "first_delay_s": 0.02})

    async with world.gateway(concurrency=2):
        answers = await asyncio.gather(
            *(world.asked(model, call_id=f"call-{number}") for number in range(20))
        )

    assert {answer.call_id for answer in answers} == {f"call-{number}" for number in range(20)}


async def test_more_calls_than_can_wait_are_sent_away_to_try_again(world: World):
    model = world.script({"error": {"kind": "hang"}})
    async with world.gateway(concurrency=1):
        waiting = [
            asyncio.create_task(world.asked(model, call_id=f"call-{number}"))
            for number in range(257)
        ]
        await asyncio.gather(*(in_flight(world.bus, f"call-{number}") for number in range(257)))

        with pytest.raises(ProviderUnavailable) as refused:
            await world.asked(model, call_id="one-more")

        assert refused.value.retryable
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_what_is_no_call_is_refused_by_its_fields(world: World):
    async with world.gateway():
        answer = await world.bus.request(subjects.LLM_COMPLETE, b'{"call_id": 5}', 5.0)

    failure = json.loads(answer.data)
    assert failure["error"]["code"] == "invalid_message"
    assert {"call_id", "session_id"} <= {p["path"] for p in failure["error"]["details"]["problems"]}


async def test_models_says_what_a_call_would_use(world: World):
    model = world.script({"text": "x"})
    request = LlmModelsRequest(llm=LlmConfig(model=model))

    async with world.gateway():
        found = await requests.ask(world.bus, subjects.LLM_MODELS, request, LlmModels, 10)

    assert (found.provider, found.full_name) == ("scripted", model)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("scripted:/nowhere.json", ModelUnknown),
        ("openai/gpt-5", ApiKeyMissing),
    ],
)
async def test_models_refuses_at_once_what_a_call_would_meet(
    world: World, model: str | None, kind: type[JidokaError]
):
    request = LlmModelsRequest(llm=LlmConfig(model=model))

    async with world.gateway():
        with pytest.raises(kind):
            await requests.ask(world.bus, subjects.LLM_MODELS, request, LlmModels, 10)


async def test_the_answer_of_a_stranger_keeps_no_one_waiting(world: World):
    async with world.gateway():
        await world.bus.publish(subjects.LLM_COMPLETE, b"\xff\xfe not json", reply="")
        answer = await world.asked(world.script({"text": "still here"}))

    assert answer.content == "still here"


async def test_a_call_outlives_a_restart_of_the_broker(world: World, nats_server: NatsServer):
    model = world.script({"text": "before and after", "first_delay_s": 1.0})
    patient = GatewayClient(world.bus, NatsBlobs(world.bus), silence_s=1.0, patience_s=20)
    async with world.process():
        asking = asyncio.create_task(patient.complete(world.call(model)))
        await in_flight(world.bus, "call-1")

        nats_server.kill()
        nats_server.start()
        answer = await asking

    assert answer.content == "before and after"


async def test_two_gateways_share_the_calls_and_each_answers_for_its_own(world: World):
    model = world.script({"text": "one two three", "delay_s": 0.1})
    ids = [f"call-{number}" for number in range(8)]
    async with world.process("one"), world.process("two"):
        first = [asyncio.create_task(world.asked(model, call_id=each)) for each in ids]
        await asyncio.gather(*(in_flight(world.bus, each) for each in ids))

        joined = await asyncio.gather(
            *(world.client.complete(world.call(model, each), attach=True) for each in ids)
        )

        assert joined == list(await asyncio.gather(*first))
