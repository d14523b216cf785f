"""The log while the broker is killed, frozen, or loses its answers."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract.errors import StaleSequence, TimedOut, Unavailable
from jidoka.core.ports import Entry, Head
from tests.support.drafts import a_draft, new_id
from tests.support.nats import NatsServer
from tests.support.proxy import proxied


async def collect(log: NatsEventLog, session_id: str, count: int, found: list[Entry]) -> None:
    async with aclosing(log.follow(session_id)) as entries:
        async for entry in entries:
            found.append(entry)
            if len(found) == count:
                return


async def append_all(log: NatsEventLog, session_id: str, count: int) -> list[Entry]:
    head, entries = Head(), []
    for number in range(count):
        (entry,) = await log.append(session_id, a_draft(f"{number}"), head)
        entries.append(entry)
        head = entry.head
    return entries


@pytest.mark.chaos
async def test_a_broker_killed_under_a_writer_and_a_follower_loses_and_doubles_nothing(
    durable_nats: NatsServer,
):
    session_id, count = f"s{new_id()}", 300
    found: list[Entry] = []
    async with (
        await connect(durable_nats.url, name="writer") as one,
        await connect(durable_nats.url, name="reader") as two,
    ):
        await ensure(one)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(collect(NatsEventLog(two), session_id, count, found))
            writing = tasks.create_task(append_all(NatsEventLog(one), session_id, count))
            for seen in (50, 150):
                async with aclosing(NatsEventLog(two).follow(session_id)) as entries:
                    async for entry in entries:
                        if entry.sequence == seen:
                            break
                await asyncio.to_thread(durable_nats.kill)
                await asyncio.to_thread(durable_nats.start)

    assert found == writing.result()
    assert [entry.sequence for entry in found] == list(range(1, count + 1))


async def test_a_lost_acknowledgement_is_found_out_and_the_event_stands_once(
    nats_server: NatsServer,
):
    session_id, draft = f"s{new_id()}", a_draft("mine")
    async with (
        proxied(nats_server.port) as proxy,
        await connect(nats_server.url, name="other") as direct,
        await connect(proxy.url, name="writer") as bus,
    ):
        await ensure(direct)
        other = NatsEventLog(direct)
        proxy.mute()
        async with asyncio.TaskGroup() as tasks:
            log = NatsEventLog(bus, try_timeout_s=0.3)
            appending = tasks.create_task(log.append(session_id, draft, Head()))
            async with aclosing(other.follow(session_id)) as entries:
                mine = await anext(entries)
            (behind,) = await other.append(session_id, a_draft("other"), mine.head)
            proxy.cut()

        assert appending.result() == (mine, behind)
        assert [entry async for entry in other.read(session_id)] == [mine, behind]


async def test_a_conflict_during_a_lost_acknowledgement_names_who_was_first(
    nats_server: NatsServer,
):
    session_id = f"s{new_id()}"
    async with await connect(nats_server.url, name="a") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        (first,) = await log.append(session_id, a_draft("first"), Head())

        with pytest.raises(StaleSequence) as stale:
            await log.append(session_id, a_draft("second"), Head())

        assert stale.value.tail == (first,)


async def test_a_frozen_broker_leaves_the_outcome_unknown(nats_server: NatsServer):
    async with await connect(nats_server.url, name="a") as bus:
        await ensure(bus)
        log = NatsEventLog(bus, patience_s=0.4, try_timeout_s=0.1)
        nats_server.freeze()

        with pytest.raises(TimedOut):
            await log.append(f"s{new_id()}", a_draft(), Head())

        nats_server.thaw()


async def test_what_was_never_sent_is_unavailable_not_unknown(nats_server: NatsServer):
    async with await connect(nats_server.url, name="a") as bus:
        await ensure(bus)
        nats_server.kill()
        gone = asyncio.create_task(_until_gone(bus), name="gone")
        await gone

        with pytest.raises(Unavailable):
            await NatsEventLog(bus, patience_s=0.2).append(f"s{new_id()}", a_draft(), Head())


async def _until_gone(bus) -> None:
    while bus.is_up:  # noqa: ASYNC110 - the connection has no event for its own end
        await asyncio.sleep(0.01)


async def test_a_follower_whose_consumer_vanishes_goes_on(nats_server: NatsServer):
    session_id = f"s{new_id()}"
    async with await connect(nats_server.url, name="a") as bus:
        await ensure(bus)
        log = NatsEventLog(bus, heartbeat_s=0.2)
        (start,) = await log.append(session_id, a_draft("0"), Head())
        async with aclosing(log.follow(session_id)) as entries:
            assert await anext(entries) == start
            consumers = (await bus.api("CONSUMER.NAMES.JIDO_EVENTS", {}))["consumers"]
            for name in consumers:
                await bus.api(f"CONSUMER.DELETE.JIDO_EVENTS.{name}")
            (second,) = await log.append(session_id, a_draft("1"), start.head)

            found = await anext(entries)

    assert found == second


@pytest.mark.timeout(120)
async def test_a_reader_that_stops_holds_up_nobody_and_misses_nothing(nats_server: NatsServer):
    session_id, count = f"s{new_id()}", 400
    async with await connect(nats_server.url, name="a") as bus:
        await ensure(bus)
        log = NatsEventLog(bus)
        async with aclosing(log.follow(session_id)) as slow:
            head = Head()
            for number in range(count):
                draft = a_draft(f"{number}" + "x" * 50_000)
                head = (await log.append(session_id, draft, head))[-1].head

            numbers = [(await anext(slow)).sequence for _ in range(count)]

    assert numbers == list(range(1, count + 1))
