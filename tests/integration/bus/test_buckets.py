"""Values by key, and the hosts that are alive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.buckets import HostDirectory, HostGone, Snapshots
from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.storage_limits import StorageLimits
from jidoka.contract.internal import HostBeat

LONG_S = 60


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus, StorageLimits(hosts_age_s=LONG_S))
        yield bus


def a_beat(host: str, workers: int = 0) -> HostBeat:
    return HostBeat(host=host, pid=1, workers=workers)


async def test_hosts_that_said_so_are_alive_until_they_leave(bus):
    directory = HostDirectory(bus)
    for host in ("a", "b"):
        await directory.beat(a_beat(host))
    await directory.beat(a_beat("a", workers=3))

    await directory.leave("b")

    assert await directory.alive() == {"a": a_beat("a", workers=3)}


async def test_a_watcher_sees_beats_and_who_left(bus):
    directory = HostDirectory(bus)
    await directory.beat(a_beat("a"))
    async with aclosing(directory.watch(LONG_S)) as hosts:
        seen = [await anext(hosts)]
        await directory.beat(a_beat("a", workers=1))
        seen.append(await anext(hosts))  # a beat that another one has replaced is not shown
        await directory.leave("a")
        seen.append(await anext(hosts))

    assert seen == [a_beat("a"), a_beat("a", workers=1), HostGone("a")]


async def test_a_host_that_falls_silent_is_gone_once(nats_url: str):
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus)
        directory = HostDirectory(bus)
        await directory.beat(a_beat("silent"))
        found = []
        async with aclosing(directory.watch()) as hosts:
            async for each in hosts:
                found.append(each)
                if each == HostGone("silent"):
                    break
        alive = await directory.alive()

    assert found == [a_beat("silent"), HostGone("silent")]
    assert alive == {}


async def test_a_beat_that_the_server_forgot_is_not_the_end_of_its_host(nats_url: str):
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus, StorageLimits(hosts_age_s=1))
        directory = HostDirectory(bus)
        await directory.beat(a_beat("slow"))
        async with aclosing(directory.watch(LONG_S)) as hosts:
            first = await anext(hosts)
            while await directory.alive():  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.05)
            await directory.beat(a_beat("slow", workers=1))

            second = await anext(hosts)

    assert (first, second) == (a_beat("slow"), a_beat("slow", workers=1))


async def test_a_silence_is_noticed_even_without_the_servers_marker(bus):
    directory = HostDirectory(bus)
    await directory.beat(a_beat("silent"))
    async with aclosing(directory.watch(lost_s=0.1)) as hosts:
        assert await anext(hosts) == a_beat("silent")

        assert await anext(hosts) == HostGone("silent")


async def test_a_large_snapshot_replaces_the_blob_of_the_one_before(bus):
    snapshots, blobs = Snapshots(bus), NatsBlobs(bus)
    await snapshots.put("s1", b"a" * 300_000)
    await snapshots.put("s1", b"b" * 300_000)

    assert await snapshots.get("s1") == b"b" * 300_000
    assert await blobs.delete_session("s1") == 1
