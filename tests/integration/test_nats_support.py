"""What the other tests rely on in the server that they are given."""

from __future__ import annotations

import nats
from nats.js.api import StreamConfig

from tests.support.nats import NatsServer, running_nats


async def test_a_server_killed_and_started_again_keeps_its_port_and_what_it_acknowledged(
    durable_nats: NatsServer,
):
    before = durable_nats.url
    async with await nats.connect(before) as bus:
        await bus.jetstream().add_stream(StreamConfig(name="KEPT", subjects=["kept"]))
        await bus.jetstream().publish("kept", b"one")

    durable_nats.kill()
    durable_nats.start()

    async with await nats.connect(durable_nats.url) as bus:
        info = await bus.jetstream().stream_info("KEPT")
    assert (durable_nats.url, info.state.messages) == (before, 1)


async def test_two_servers_share_nothing(nats_url: str, tmp_path):
    with running_nats(tmp_path / "other", token="t0ken") as other:  # noqa: S106 - made up here
        async with await nats.connect(nats_url) as bus, await nats.connect(other.url) as stranger:
            await bus.jetstream().add_stream(StreamConfig(name="MINE", subjects=["mine"]))

            seen = await stranger.jetstream().streams_info()

    assert seen == []
