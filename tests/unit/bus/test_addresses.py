"""What may stand where a broker's address is wanted."""

from __future__ import annotations

import pytest

from jidoka.bus.addresses import servers_of
from jidoka.bus.connection import connect
from jidoka.contract.errors import InvalidMessage

NONE = ("", ",", "nats://", "nats:// ", "nats://:4222", "://", "http://h", "nats://h:99999")


@pytest.mark.parametrize("url", [*NONE, "nats://[::1", "nats://h:port", "nats://s3cret@,nats://"])
async def test_what_is_no_address_is_refused_at_once_and_no_token_is_told(url: str):
    with pytest.raises(InvalidMessage, match="nats://") as refused:
        await connect(url, name="test")

    assert "s3cret" not in refused.value.message


def test_several_servers_are_named_without_their_secrets():
    servers = servers_of("nats://token@a:4222, nats://u:p@[::1]:4223,c")

    assert servers == ["nats://a:4222", "nats://[::1]:4223", "nats://c"]
