"""Deltas: seen live, seen late, never in the way."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from nats.js.errors import APIError

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure, keep
from jidoka.bus.live import Coalescer, NatsLive
from jidoka.contract import subjects
from jidoka.contract.errors import TimedOut, Unavailable
from jidoka.contract.live import Delta
from tests.support.live import Shown, deltas_of
from tests.support.nats import NatsServer
from tests.support.screen import Screen


def a_call(live: NatsLive, window_s: float = 0.05, attempt: int = 1) -> Coalescer:
    return Coalescer(
        live, "s1", turn_id="t", call_id="c", epoch=1, attempt=attempt, window_s=window_s
    )


async def seen(bus: Bus, until: str, after: int = 0) -> tuple[str, list[Shown]]:
    screen, found = Screen(), []
    async with aclosing(deltas_of(bus, "s1", after)) as deltas:
        async for shown in deltas:
            found.append(shown)
            if (text := screen.show(shown)).endswith(until):
                return text, found
    raise AssertionError


async def test_who_comes_late_sees_the_same_text(bus):
    live = NatsLive(bus, source="/jidoka/test/1")
    async with a_call(live) as call:
        for word in ("Grüße, ", "Welt", "!"):
            await call.add("text", word)

    text, found = await seen(bus, "!")

    assert text == "Grüße, Welt!"
    assert [(each.kind, each.epoch, each.missed) for each in found] == [("text", 1, 0)] * len(found)


async def test_a_thousand_pieces_become_a_few_deltas(bus):
    live = NatsLive(bus, source="/jidoka/test/1")
    async with a_call(live, window_s=60) as call:
        for number in range(1_000):
            await call.add("text", f"{number} ")
        await call.add("text", "end")

    text, found = await seen(bus, "end")

    assert text == "".join(f"{number} " for number in range(1_000)) + "end"
    assert len(found) == 2  # the first at once, and the rest


async def test_following_goes_on_from_a_cursor(bus):
    live = NatsLive(bus, source="/jidoka/test/1")
    async with a_call(live, window_s=0) as call:
        await call.add("text", "one ")  # a word is shown when its end has come
        _, found = await seen(bus, "one ")
        await call.add("text", "two")

    _, later = await seen(bus, "two", found[-1].cursor)

    assert [each.delta.text for each in later] == ["two"]


async def test_a_slow_follower_loses_the_oldest_and_hears_how_many(bus):
    live = NatsLive(bus, source="/jidoka/test/1")
    async with aclosing(deltas_of(bus, "s1", most_waiting=8)) as deltas:
        for number in range(4):
            delta = Delta(turn_id="t", call_id="c", offset=number, text="x")
            await live.publish("s1", "text", delta, 1)
        await anext(deltas)
        for number in range(4, 100):
            delta = Delta(turn_id="t", call_id="c", offset=number, text="x")
            await live.publish("s1", "text", delta, 1)
        await bus.barrier()
        await bus.barrier()

        offsets, missed = [], 0
        while not offsets or offsets[-1] < 99:
            shown = await anext(deltas)
            offsets.append(shown.delta.offset)
            missed += shown.missed

    assert offsets == sorted(offsets)
    assert missed == 99 - len(offsets)
    assert missed > 0


async def test_deltas_go_on_after_the_broker_forgot_the_old_ones(nats_server: NatsServer):
    async with await connect(nats_server.url, name="test") as bus:
        await ensure(bus)
        keeping = asyncio.create_task(keep(bus), name="keep")
        live = NatsLive(bus, source="/jidoka/test/1")
        async with aclosing(deltas_of(bus, "s1")) as deltas:
            for number in range(5):
                delta = Delta(turn_id="t", call_id="c", offset=number, text="x")
                await live.publish("s1", "text", delta, 1)
            for _ in range(5):
                await anext(deltas)
            connection = bus.connection
            nats_server.kill()
            nats_server.start()
            while (  # noqa: ASYNC110 - watched from outside
                bus.connection == connection or not await _has_live_stream(bus)
            ):
                await asyncio.sleep(0.01)
            delta = Delta(turn_id="t", call_id="c", offset=5, text="x")
            await live.publish("s1", "text", delta, 2)

            shown = await anext(deltas)
        keeping.cancel()

    assert shown.epoch == 2


async def _has_live_stream(bus: Bus) -> bool:
    await bus.up(10)
    try:
        await bus.api(f"STREAM.INFO.{subjects.LIVE_STREAM}")
    except (APIError, TimedOut, Unavailable):
        return False
    return True


def test_a_new_attempt_voids_the_last_one_and_an_old_one_changes_nothing():
    screen = Screen()

    def show(epoch: int, attempt: int, offset: int, text: str) -> str:
        delta = Delta(turn_id="t", call_id="c", attempt=attempt, offset=offset, text=text)
        return screen.show(Shown("text", delta, epoch, 1))

    assert show(1, 1, 0, "lost") == "lost"
    assert show(1, 2, 0, "new") == "new"
    assert show(1, 1, 4, "more") == "new"
    assert show(1, 2, 3, "er") == "newer"
    assert show(1, 2, 0, "new") == "newer"
    assert show(1, 2, 3, "er!") == "newer!"
    assert show(1, 2, 9, "end") == "newer!…end"
    assert show(2, 1, 0, "other") == "other"
