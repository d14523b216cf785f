"""The llm-gateway on a real broker, with scripted models."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.contract import subjects
from jidoka.contract.errors import (
    Unavailable,
)
from jidoka.llm.gateway_client import GatewayClient
from tests.support.live import deltas_of
from tests.support.llm import World, in_flight, landed
from tests.support.screen import Screen

BIG = 400_000


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
    said = " ".join(f"wörd-{number}" for number in range(1_000))
    model = world.script({"reasoning": "first this", "text": said})
    screen = Screen()
    shown: dict[str, str] = {}
    count = 0

    async with world.gateway():
        await world.asked(model, epoch=3)
        async with asyncio.timeout(20):
            async for delta in deltas_of(world.bus, "s1"):
                shown[delta.kind] = screen.show(delta)
                count += 1
                assert delta.epoch == 3
                if shown == {"reasoning": "first this", "text": said}:
                    break

    assert count < 500


async def test_an_answer_says_how_much_its_model_reads(world: World, tmp_path: Path):
    wide = tmp_path / "wide.json"
    wide.write_text('{"answers": [{"text": "a"}], "window": 32000}')

    async with world.gateway():
        answer = await world.asked(f"scripted:{wide}")

    assert answer.window == 32_000


async def test_nobody_is_shown_an_answer_that_is_asked_for_quietly(world: World):
    model = world.script({"text": "a summary"})
    loud = world.script({"text": "aloud"})
    async with world.gateway():
        quiet = world.call(model, "quiet").model_copy(update={"quiet": True})
        await world.client.complete(quiet)
        await world.client.complete(world.call(loud, "loud"))

        first = ""
        async with asyncio.timeout(20):
            async for delta in deltas_of(world.bus, "s1"):
                first = delta.delta.call_id
                break

    assert first == "loud"


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
    model = world.script({"text": " ".join(["word"] * 1_000), "delay_s": 0.05})
    async with world.gateway():
        first = asyncio.create_task(world.asked(model))
        await in_flight(world.bus, "call-1")
        second = asyncio.create_task(world.client.complete(world.call(model, epoch=2), attach=True))

        async with asyncio.timeout(20):
            async for delta in deltas_of(world.bus, "s1"):
                if delta.epoch == 2:
                    break

        first.cancel()
        second.cancel()
        await asyncio.wait({first, second})


async def test_a_cancelled_call_ends_in_the_gateway(world: World):
    model = world.script({"text": "begin", "error": {"kind": "hang"}})
    async with world.gateway():
        asking = asyncio.create_task(world.asked(model))
        await in_flight(world.bus, "call-1")

        asking.cancel()
        await asyncio.wait({asking})

        await landed(world.bus, "call-1")


async def test_a_worker_that_was_replaced_does_not_end_its_successors_call(world: World):
    model = world.script({"text": "for the newer one", "first_delay_s": 2.0})
    async with world.gateway():
        old = asyncio.create_task(world.asked(model, epoch=1))
        await in_flight(world.bus, "call-1")
        newer = world.call(model, epoch=2)
        await world.bus.request(subjects.llm_call("call-1"), newer.model_dump_json().encode(), 5)
        Path(model.removeprefix("scripted:")).unlink()  # asked anew it would fail

        old.cancel()
        await asyncio.wait({old})
        answer = await world.client.complete(newer, attach=True)

    assert answer.content == "for the newer one"


async def test_a_second_attempt_gets_the_answer_that_the_first_one_missed(world: World):
    model = world.script({"text": "late", "first_delay_s": 0.3})
    async with world.gateway():
        await world.bus.publish(subjects.LLM_COMPLETE, world.call(model).model_dump_json().encode())
        await in_flight(world.bus, "call-1")
        await landed(world.bus, "call-1")
        Path(model.removeprefix("scripted:")).unlink()

        answer = await world.asked(model, attempt=2)

    assert answer.content == "late"


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
    patient = GatewayClient(world.bus, NatsBlobs(world.bus), silence_s=1.0, patience_s=20)
    async with world.process() as first:
        asking = asyncio.create_task(patient.complete(world.call(model)))
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
