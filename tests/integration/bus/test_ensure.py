"""Streams and buckets are made once, grown when asked, and never changed at the cost of data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import nats
import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure, stores
from jidoka.bus.storage_limits import StorageLimits
from jidoka.contract import subjects
from jidoka.contract.errors import StreamMismatch

MIB = 1024 * 1024


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="test") as bus:
        yield bus


async def config_of(bus: Bus, stream: str) -> dict:
    return (await bus.api(f"STREAM.INFO.{stream}"))["config"]


async def test_everything_is_there_afterwards_with_the_settings_that_matter(bus):
    await ensure(bus)

    names = (await bus.api("STREAM.NAMES", {}))["streams"]
    events = await config_of(bus, subjects.EVENTS_STREAM)
    commands = await config_of(bus, subjects.COMMANDS_STREAM)
    live = await config_of(bus, subjects.LIVE_STREAM)
    assert sorted(names) == sorted(store["name"] for store in stores(StorageLimits()))
    assert (events["storage"], events["discard"], events["max_age"]) == ("file", "new", 0)
    assert (events["allow_atomic"], events["max_consumers"]) == (True, 100_000)
    assert "subject_delete_marker_ttl" not in events
    assert (commands["retention"], commands["max_msgs_per_subject"]) == ("workqueue", 64)
    assert (live["storage"], live["discard"]) == ("memory", "old")


async def test_doing_it_again_changes_nothing(bus):
    await ensure(bus)
    before = [await config_of(bus, store["name"]) for store in stores(StorageLimits())]

    await ensure(bus)

    assert [await config_of(bus, store["name"]) for store in stores(StorageLimits())] == before


async def test_many_programs_may_do_it_at_once(bus, nats_url):
    others = [await connect(nats_url, name=f"p{number}") for number in range(5)]

    await asyncio.gather(*(ensure(other) for other in others))

    assert len((await bus.api("STREAM.NAMES", {}))["streams"]) == len(stores(StorageLimits()))
    await asyncio.gather(*(other.close() for other in others))


async def test_a_larger_bound_is_applied_to_what_is_there(bus):
    await ensure(bus, StorageLimits(events_bytes=10 * MIB))
    await bus.store("jido.session.s1.event.turn.started", b"{}", {}, 5.0)

    await ensure(bus, StorageLimits(events_bytes=20 * MIB))

    info = await bus.api(f"STREAM.INFO.{subjects.EVENTS_STREAM}")
    assert (info["config"]["max_bytes"], info["state"]["messages"]) == (20 * MIB, 1)


async def test_what_can_be_switched_on_is_switched_on(bus):
    (wanted, *_) = stores(StorageLimits())
    old = wanted | {"allow_atomic": False, "max_consumers": 500}
    await bus.api(f"STREAM.CREATE.{wanted['name']}", old)

    await ensure(bus)

    config = await config_of(bus, wanted["name"])
    assert (config["allow_atomic"], config["max_consumers"]) == (True, 100_000)


@pytest.mark.parametrize(
    ("field", "value"),
    [("storage", "memory"), ("retention", "interest"), ("discard", "old"), ("max_age", 10**12)],
)
async def test_a_stream_that_would_lose_data_is_refused_by_name_and_field(bus, field, value):
    (wanted, *_) = stores(StorageLimits())
    await bus.api(f"STREAM.CREATE.{wanted['name']}", wanted | {field: value})

    with pytest.raises(StreamMismatch) as refusal:
        await ensure(bus)

    assert (refusal.value.stream, refusal.value.field) == (wanted["name"], field)
    assert (await config_of(bus, wanted["name"]))[field] == value


async def test_a_lower_bound_that_would_throw_deltas_away_is_refused(bus):
    await ensure(bus, StorageLimits(live_bytes=2 * MIB))

    with pytest.raises(StreamMismatch):
        await ensure(bus, StorageLimits(live_bytes=MIB))


async def test_settings_of_others_that_are_none_of_our_business_stay(bus):
    (wanted, *_) = stores(StorageLimits())
    await bus.api(f"STREAM.CREATE.{wanted['name']}", wanted | {"description": "mine"})

    await ensure(bus, StorageLimits(events_bytes=wanted["max_bytes"] + 1))

    assert (await config_of(bus, wanted["name"]))["description"] == "mine"


async def test_other_clients_read_our_blobs_with_their_object_store(bus, nats_url):
    await ensure(bus)
    kept = await NatsBlobs(bus).put("s1", b"x" * 300_000)

    async with await nats.connect(nats_url) as stranger:
        store = await stranger.jetstream().object_store(subjects.BLOBS_STORE)
        found = await store.get(kept.ref.removeprefix("blob:"))

    assert found.data == b"x" * 300_000
