"""The llm-gateway as a process on a real broker, with scripted models."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from jidoka.bus import requests
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.live import NatsLive, Screen
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
    TimedOut,
    Unavailable,
)
from jidoka.contract.internal import LlmAnswer, LlmCall, LlmModels, LlmModelsRequest
from jidoka.llm.gateway_client import GatewayClient
from tests.support.gateway import GatewayProcess, gateway_here, running_gateway

BIG = 400_000


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


@pytest.fixture
async def world(nats_url: str, tmp_path: Path) -> AsyncGenerator[World]:
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus)
        yield World(bus, nats_url, tmp_path)


async def in_flight(bus: Bus, call_id: str) -> None:
    """Return when the gateway has the call, seen by its answer on the call's own subject."""
    async with asyncio.timeout(10):
        while True:
            try:
                await bus.request(subjects.llm_call(call_id), b"{}", 1.0)
            except Unavailable:
                await asyncio.sleep(0.01)
            else:
                return


async def landed(bus: Bus, call_id: str) -> None:
    """Return when no gateway has the call any more."""
    async with asyncio.timeout(10):
        while True:
            try:
                await bus.request(subjects.llm_call(call_id), b"{}", 1.0)
            except Unavailable:
                return
            except TimedOut:
                pass  # it crossed the end of the call


async def test_a_scripted_answer_comes_with_its_calls_usage_and_model(world: World):
    model = world.script(
        {"reasoning": "hm", "text": "hello there", "tool_calls": [{"tool": "read"}]}
    )

    async with world.gateway():
        answer = await world.asked(model)

    assert (answer.content, answer.reasoning) == ("hello there", "hm")
    assert [call.tool for call in answer.tool_calls] == ["read"]
    assert answer.usage is not None
    assert answer.model == model


async def test_deltas_build_up_the_text_that_the_answer_has(world: World):
    said = " ".join(f"wörd-{number}" for number in range(60))
    model = world.script({"reasoning": "first this", "text": said, "delay_s": 0.002})
    screen = Screen()
    shown: dict[str, str] = {}
    count = 0

    async with world.gateway():
        await world.asked(model, epoch=3)
        async with asyncio.timeout(5):
            async for delta in NatsLive(world.bus, source="/test").follow("s1"):
                shown[delta.kind] = screen.show(delta)
                count += 1
                assert delta.epoch == 3
                if shown == {"reasoning": "first this", "text": said}:
                    break

    assert count < 30


async def test_a_call_that_is_repeated_gets_the_remembered_answer(world: World):
    model = world.script({"text": "paid once"})
    async with world.gateway():
        first = await world.asked(model)
    Path(model.removeprefix("scripted:")).unlink()

    async with world.gateway():
        again = await world.client.complete(world.call(model), attach=True)

    assert again == first


async def test_a_second_worker_joins_the_call_that_is_in_flight(world: World):
    model = world.script({"text": "one two three four five six", "delay_s": 0.2})
    async with world.gateway():
        first = asyncio.create_task(world.asked(model))
        await in_flight(world.bus, "call-1")

        second = await world.client.complete(world.call(model, epoch=2), attach=True)

        assert second == await first


async def test_the_deltas_of_a_joined_call_carry_the_newer_epoch(world: World):
    model = world.script({"text": " ".join(["word"] * 30), "delay_s": 0.05})
    async with world.gateway():
        first = asyncio.create_task(world.asked(model))
        await in_flight(world.bus, "call-1")
        second = asyncio.create_task(world.client.complete(world.call(model, epoch=2), attach=True))

        async with asyncio.timeout(5):
            async for delta in NatsLive(world.bus, source="/test").follow("s1"):
                if delta.epoch == 2:
                    break

        await asyncio.gather(first, second)


async def test_a_cancelled_call_ends_in_the_gateway(world: World):
    model = world.script({"text": "begin", "error": {"kind": "hang"}})
    async with world.gateway():
        asking = asyncio.create_task(world.asked(model))
        await in_flight(world.bus, "call-1")

        asking.cancel()
        await asyncio.wait({asking})

        await landed(world.bus, "call-1")


async def test_a_call_whose_worker_is_gone_is_finished_and_remembered(world: World):
    model = world.script({"text": "for whom it may concern", "delay_s": 0.05})
    call = world.call(model)
    async with world.gateway():
        await world.bus.publish(subjects.LLM_COMPLETE, call.model_dump_json().encode())
        await in_flight(world.bus, "call-1")

        answer = await world.client.complete(call, attach=True)

    assert answer.content == "for whom it may concern"


async def test_without_a_gateway_the_client_says_so(world: World):
    with pytest.raises(Unavailable, match="llm-gateway"):
        await world.asked("scripted:x")


async def test_a_gateway_that_starts_late_still_gets_the_call(world: World):
    model = world.script({"text": "late"})
    patient = GatewayClient(world.bus, NatsBlobs(world.bus), patience_s=20)
    asking = asyncio.create_task(patient.complete(world.call(model)))

    async with world.gateway():
        answer = await asking

    assert answer.content == "late"


async def test_a_gateway_that_is_killed_in_mid_call_is_replaced_by_another(world: World):
    model = world.script({"text": "once more", "first_delay_s": 0.5})
    async with world.process() as first:
        asking = asyncio.create_task(world.asked(model))
        await in_flight(world.bus, "call-1")
        first.send(signal.SIGKILL)
        await first.wait()

        async with world.process("second"):
            answer = await asking

    assert answer.content == "once more"


async def test_asked_to_end_a_gateway_lets_calls_finish(world: World):
    model = world.script({"text": "to the end", "first_delay_s": 0.5})
    async with world.process() as gateway:
        asking = asyncio.create_task(world.asked(model))
        await in_flight(world.bus, "call-1")

        gateway.send(signal.SIGTERM)
        answer = await asking

        assert answer.content == "to the end"
        assert await gateway.wait() == 0


async def test_a_large_answer_and_large_messages_travel_as_blobs(world: World):
    model = world.script({"when": "y" * 50, "text": "x" * BIG})
    said = ({"role": "user", "content": "y" * BIG},)

    async with world.gateway():
        first = await world.asked(model, messages=said)
        again = await world.client.complete(world.call(model, messages=said), attach=True)

    assert len(first.content) == BIG
    assert again.content == first.content


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
    ("answer", "which"),
    [
        ({"text": "x", "first_delay_s": 60}, "first byte"),
        ({"text": "one two", "error": {"kind": "hang"}}, "silence"),
        ({"text": "word " * 600, "delay_s": 0.05}, "whole"),
    ],
)
async def test_each_time_limit_ends_a_call(world: World, answer: dict[str, Any], which: str):
    async with world.gateway(first_byte_timeout_s=0.3, silence_timeout_s=0.3, whole_timeout_s=1.0):
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
