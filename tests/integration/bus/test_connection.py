"""Connecting, losing the broker, and what is said about it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from jidoka.bus.connection import connect
from jidoka.contract.errors import TimedOut, Unauthenticated, Unavailable
from tests.support.nats import NatsServer, running_nats
from tests.support.ports import refusing_port

TOKEN = "t0ken-of-a-test"  # noqa: S105 - made up here


async def test_no_broker_is_unavailable_without_the_token_in_the_message():
    with refusing_port() as port, pytest.raises(Unavailable) as refusal:
        await connect(f"nats://{TOKEN}@127.0.0.1:{port}", name="test", patience_s=0.3)

    assert refusal.value.exit_code == 5
    assert TOKEN not in refusal.value.message


async def test_a_broker_that_starts_a_moment_later_is_waited_for(tmp_path):
    with running_nats(tmp_path / "nats") as server:
        server.kill()
        async with asyncio.TaskGroup() as tasks:
            connecting = tasks.create_task(connect(server.url, name="test", patience_s=10))
            await asyncio.to_thread(server.start)

        assert connecting.result().is_up
        await connecting.result().close()


async def test_a_wrong_token_is_unauthenticated(tmp_path):
    with running_nats(tmp_path / "nats", token=TOKEN) as server:
        wrong = server.url.replace(TOKEN, "wrong")

        with pytest.raises(Unauthenticated) as refusal:
            await connect(wrong, name="test")

        assert refusal.value.exit_code == 6


async def test_the_right_token_opens_the_door_and_stays_out_of_the_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with running_nats(tmp_path / "nats", token=TOKEN) as server:
        async with await connect(server.url, name="test") as bus:
            server.kill()
            server.start()
            while bus.connection == 1:  # noqa: ASYNC110 - watched from outside
                await asyncio.sleep(0.01)

    assert "reconnecting" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_barrier_passes_when_the_broker_has_heard_all(nats_url: str):
    heard: list[bytes] = []

    async def hear(message) -> None:
        heard.append(message.data)

    async with await connect(nats_url, name="a") as one, await connect(nats_url, name="b") as two:
        await one.subscribe("x", hear)
        await one.barrier()
        await two.publish("x", b"1")
        await two.barrier()
        await one.barrier()

        assert heard == [b"1"]


async def test_a_barrier_before_a_frozen_broker_times_out(nats_server: NatsServer):
    async with await connect(nats_server.url, name="a") as bus:
        nats_server.freeze()

        with pytest.raises(TimedOut):
            await bus.barrier(0.05)

        nats_server.thaw()


async def test_a_closed_connection_is_unavailable(nats_url: str):
    bus = await connect(nats_url, name="a")
    await bus.close()

    with pytest.raises(Unavailable):
        await bus.up(1)
    with pytest.raises(Unavailable):
        await bus.publish("x", b"")


async def test_whoever_waits_for_the_broker_goes_on_when_it_is_back(nats_server: NatsServer):
    async with await connect(nats_server.url, name="a") as bus:
        calls: list[int] = []
        bus.on_reconnect(lambda: calls.append(bus.connection))
        nats_server.kill()
        while bus.is_up:  # noqa: ASYNC110 - watched from outside
            await asyncio.sleep(0.01)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bus.up(20))
            await asyncio.to_thread(nats_server.start)

        assert calls == [2]
        await bus.barrier()


async def test_a_transport_that_is_not_there_is_unavailable():
    with refusing_port() as port, pytest.raises(Unavailable):
        await connect(f"ws://127.0.0.1:{port}", name="test", patience_s=0.3)
