"""The leader's door: whatever is asked there is answered, in the form in which it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.contract.envelope import Envelope, open_reply
from jidoka.contract.subjects import manager_request
from jidoka.session_manager.door import Door
from jidoka.session_manager.service import Service

SESSION = json.dumps({"session_id": "s" + "0" * 24}).encode()
COMMAND = Envelope(id="1", source="/test", type="jido.session.list.v1", data={})
INTERNAL = ["session.settle", "session.check", "session.abandon", "registry.rebuild"]


class Broken:
    """A service with a defect in everything that it does."""

    async def answer(self, *_: Any) -> Any:
        raise ZeroDivisionError

    settle = check = abandon = rebuild = answer


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with (
        await connect(nats_url, name="test") as connection,
        Door(nats_url, "door", connection, cast("Service", Broken()), "/test/leader"),
    ):
        yield connection


@pytest.mark.parametrize("name", INTERNAL)
async def test_a_defect_in_an_internal_request_is_no_success(bus: Bus, name: str):
    answer = await bus.request(manager_request(name), SESSION, 5.0)

    said = json.loads(answer.data)
    assert (said["ok"], said["error"]["code"]) == (False, "internal")


@pytest.mark.parametrize("name", ["session.settle", "session.check", "session.abandon"])
async def test_an_internal_request_that_names_no_session_is_refused(bus: Bus, name: str):
    answer = await bus.request(manager_request(name), b"[", 5.0)

    said = json.loads(answer.data)
    assert (said["ok"], said["error"]["code"]) == (False, "invalid_message")


async def test_a_defect_in_a_command_is_refused_as_a_cloudevent(bus: Bus):
    answer = await bus.request(manager_request("session.list"), COMMAND.to_json(), 5.0)

    reply = open_reply(answer.data, answer.headers)
    assert (reply.name, reply.data["code"]) == ("command.refused", "internal")
