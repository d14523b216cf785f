"""One holder at a time, found out by both sides."""

from __future__ import annotations

import asyncio

from jidoka.bus.buckets import Bucket
from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.lease import Lease
from jidoka.contract import subjects
from tests.support.nats import NatsServer

LONG_S = 30


async def holder_of(bus: Bus, key: str) -> str:
    value = await Bucket(bus, subjects.LEASES_BUCKET).get(key)
    assert value is not None
    assert value.body is not None
    return value.body.decode()


async def test_of_many_who_want_it_one_has_it(bus):
    leases = [Lease(bus, "leader", f"p{number}", ttl_s=LONG_S) for number in range(10)]

    won = await asyncio.gather(*(lease.try_acquire() for lease in leases))

    assert sum(won) == 1
    assert await holder_of(bus, "leader") == leases[won.index(True)].holder
    await asyncio.gather(*(lease.release() for lease in leases))


async def test_given_back_it_goes_to_the_next_at_once_with_a_higher_token(bus):
    async with Lease(bus, "leader", "one", ttl_s=LONG_S) as one:
        waiting = Lease(bus, "leader", "two", ttl_s=LONG_S)
        assert not await waiting.try_acquire()

    assert await waiting.try_acquire()

    assert waiting.token > one.token
    assert (one.is_ours, waiting.is_ours) == (False, True)
    await waiting.release()


async def test_it_is_kept_longer_than_its_time_to_live(bus):
    async with Lease(bus, "leader", "one", ttl_s=3) as lease:
        other = Lease(bus, "leader", "two")

        for _ in range(20):
            await asyncio.sleep(0.2)
            assert not await other.try_acquire()

        assert lease.is_ours


async def test_a_holder_that_is_gone_loses_it_after_its_time_to_live(bus, nats_url):
    async with await connect(nats_url, name="gone") as gone:
        lease = Lease(gone, "leader", "one", ttl_s=1)
        await lease.acquire()
        assert lease._renewing is not None
        lease._renewing.cancel()

    async with Lease(bus, "leader", "two", ttl_s=1) as taken:
        assert taken.token > lease.token

    assert not lease.is_ours


async def test_a_holder_that_was_overtaken_hears_of_it_and_cannot_renew(bus):
    first = Lease(bus, "leader", "one", ttl_s=1)
    await first.acquire()
    await bus.store(first._bucket.subject("leader"), b"two", {}, 2.0)

    async with asyncio.timeout(20):
        await first.lost.wait()

    assert not first.is_ours
    assert await holder_of(bus, "leader") == "two"


async def test_a_holder_without_a_broker_gives_up_before_the_time_is_over(
    nats_server: NatsServer,
):
    async with await connect(nats_server.url, name="test") as bus:
        await ensure(bus)
        lease = Lease(bus, "leader", "one", ttl_s=4, margin_s=2)
        await lease.acquire()
        began = asyncio.get_running_loop().time()

        nats_server.freeze()
        async with asyncio.timeout(20):
            await lease.lost.wait()

        assert asyncio.get_running_loop().time() - began < 4
        nats_server.thaw()
        await lease.release()
