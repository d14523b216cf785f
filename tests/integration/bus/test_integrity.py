"""A log that was cut, rolled back or altered is found out, and the range is named."""

from __future__ import annotations

import asyncio
import random
import shutil
from contextlib import aclosing
from pathlib import Path

import pytest

from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.integrity import compare, examine
from jidoka.contract.errors import JidokaError, LogDamaged
from jidoka.core.ports import Entry, Head
from tests.support.drafts import a_draft
from tests.support.nats import NatsServer

SESSIONS = ("s1", "s2")


async def fill(log: NatsEventLog, session_id: str, count: int, head: Head | None = None) -> Head:
    head = head or Head()
    for number in range(count):
        head = (await log.append(session_id, a_draft(f"{number} " + "x" * 40), head))[-1].head
    return head


async def rolled_back(server: NatsServer, tmp_path: Path, kept: int, more: int) -> dict[str, Head]:
    """Fill both sessions, then put the store back to where each had `kept` events."""
    marks: dict[str, Head] = {}
    async with await connect(server.url, name="before") as bus:
        await ensure(bus)
        for session_id in SESSIONS:
            marks[session_id] = await fill(NatsEventLog(bus), session_id, kept)
    server.stop()
    shutil.copytree(server.home / "store", tmp_path / "copy")
    server.start()
    async with await connect(server.url, name="after") as bus:
        for session_id in SESSIONS:
            marks[session_id] = await fill(NatsEventLog(bus), session_id, more, marks[session_id])
    server.stop()
    shutil.rmtree(server.home / "store")
    shutil.copytree(tmp_path / "copy", server.home / "store")
    server.start()
    return marks


def range_of(damage: JidokaError) -> tuple[int, int]:
    assert isinstance(damage, LogDamaged)
    return damage.first, damage.last


async def test_marks_tell_which_events_a_rolled_back_log_has_lost(durable_nats, tmp_path):
    marks = await rolled_back(durable_nats, tmp_path, kept=5, more=3)

    async with await connect(durable_nats.url, name="test") as bus:
        damaged = await compare(NatsEventLog(bus), marks)

    assert {each: range_of(damage) for each, damage in damaged.items()} == {
        "s1": (6, 8),
        "s2": (6, 8),
    }


async def test_a_log_that_grew_again_after_a_roll_back_is_found_out(durable_nats, tmp_path):
    marks = await rolled_back(durable_nats, tmp_path, kept=5, more=3)

    async with await connect(durable_nats.url, name="test") as bus:
        log = NatsEventLog(bus)
        for session_id in SESSIONS:
            last = await log.last(session_id)
            assert last is not None
            await fill(log, session_id, 6, last.head)

        assert set(await compare(log, marks)) == set(SESSIONS)
        assert set(await examine(log, SESSIONS, marks)) == set(SESSIONS)


async def test_a_sound_log_passes(durable_nats):
    async with await connect(durable_nats.url, name="test") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        marks = {each: await fill(log, each, 4) for each in SESSIONS}
        await fill(log, "s1", 2, marks["s1"])

        assert await compare(log, marks) == {}
        assert await examine(log, SESSIONS, marks) == {}


async def test_a_session_without_any_event_left_has_lost_all(durable_nats):
    async with await connect(durable_nats.url, name="test") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        mark = await fill(log, "s1", 4)
        await bus.api("STREAM.PURGE.JIDO_EVENTS", {"filter": "jido.session.s1.event.>"})

        damaged = await compare(log, {"s1": mark})

    assert range_of(damaged["s1"]) == (1, 4)


async def test_who_follows_from_beyond_the_end_is_told_at_once(durable_nats, tmp_path):
    marks = await rolled_back(durable_nats, tmp_path, kept=5, more=3)

    async with (
        await connect(durable_nats.url, name="test") as bus,
        aclosing(NatsEventLog(bus).follow("s1", marks["s1"])) as entries,
    ):
        with pytest.raises(LogDamaged) as damage:
            await anext(entries)

    assert range_of(damage.value) == (6, 8)


async def test_a_follower_hears_when_the_broker_comes_back_with_less(durable_nats, tmp_path):
    async with await connect(durable_nats.url, name="test") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        head = await fill(log, "s1", 5)
        durable_nats.stop()
        shutil.copytree(durable_nats.home / "store", tmp_path / "copy")
        await asyncio.to_thread(durable_nats.start)
        async with aclosing(log.follow("s1")) as entries:
            await fill(log, "s1", 2, head)
            for _ in range(7):
                await anext(entries)
            durable_nats.stop()
            shutil.rmtree(durable_nats.home / "store")
            shutil.copytree(tmp_path / "copy", durable_nats.home / "store")
            await asyncio.to_thread(durable_nats.start)

            with pytest.raises(LogDamaged) as damage:
                await anext(entries)

    assert range_of(damage.value) == (6, 7)


@pytest.mark.chaos
@pytest.mark.timeout(120)
@pytest.mark.parametrize("harm", ["flip", "cut"])
async def test_no_harm_to_the_file_of_the_log_stays_silent(durable_nats, tmp_path, harm):
    dice, count = random.Random(11), 60  # noqa: S311 - the same harm every time
    async with await connect(durable_nats.url, name="before") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        marks = {each: await fill(log, each, count) for each in SESSIONS}
        wanted = {each: [entry async for entry in log.read(each)] for each in SESSIONS}
    durable_nats.stop()
    sound = tmp_path / "sound"
    shutil.copytree(durable_nats.home / "store", sound)

    silent = []
    for _ in range(10):
        shutil.rmtree(durable_nats.home / "store")
        shutil.copytree(sound, durable_nats.home / "store")
        at = damage_file(durable_nats.home / "store", harm, dice)
        await asyncio.to_thread(durable_nats.start)
        if await seems_sound(durable_nats.url, marks, wanted) is False:
            silent.append(at)
        await asyncio.to_thread(durable_nats.stop)

    assert silent == []


def damage_file(store: Path, harm: str, dice: random.Random) -> int:
    (block,) = store.glob("jetstream/**/JIDO_EVENTS/msgs/*.blk")
    body = bytearray(block.read_bytes())
    at = dice.randrange(len(body))
    if harm == "flip":
        body[at] ^= 1 << dice.randrange(8)
    else:
        del body[at:]
    block.write_bytes(body)
    for index in store.glob("jetstream/**/JIDO_EVENTS/msgs/index.db"):
        index.unlink()  # else the damage is noticed only when the index is rebuilt some day
    return at


async def seems_sound(
    url: str, marks: dict[str, Head], wanted: dict[str, list[Entry]]
) -> bool | None:
    """Return True where all is there, None where it is said not to be, False for silence."""
    async with await connect(url, name="after") as bus:
        log = NatsEventLog(bus)
        try:
            damaged = await examine(log, SESSIONS, marks)
            found = {
                each: [entry async for entry in log.read(each)]
                for each in SESSIONS
                if each not in damaged
            }
        except JidokaError:
            return None
    if all(found[each] == wanted[each] for each in found):
        return None if damaged else True
    return False
