"""What was put away can be seen, sent again and dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.entries import STRUCTURED, Stored
from jidoka.bus.inbox import waiting_sessions
from jidoka.bus.quarantine import Quarantine
from jidoka.contract.errors import InvalidMessage, NotInQuarantine, NoTurn

COMMAND = Stored(
    7,
    "jido.session.s1.command.turn.cancel",
    b'{"specversion":"1.0","id":"1","source":"/x","type":"jido.turn.cancel.v1","data":{}}',
    STRUCTURED | {"traceparent": "00-1-2-01", "Nats-Sequence": "7", "Nats-Msg-Id": "/x 1"},
)
EVENT = Stored(3, "jido.session.s1.event.turn.ended", b"\xff not \n json", {})


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus)
        yield bus


async def test_a_message_is_kept_as_it_came_with_the_reason(bus):
    quarantine = Quarantine(bus)
    await quarantine.put("coordinator", COMMAND, NoTurn(session_id="s1"))

    found = await quarantine.show(1)

    assert (found.program, found.subject, found.cursor) == ("coordinator", COMMAND.subject, 7)
    assert (found.code, found.error["details"]) == ("no_turn", {"session_id": "s1"})
    assert found.headers == STRUCTURED | {"traceparent": "00-1-2-01"}
    assert found.body == COMMAND.body


async def test_the_list_is_paged_and_narrowed_to_a_program(bus):
    quarantine = Quarantine(bus)
    for number in range(1, 6):
        original = Stored(number, EVENT.subject, EVENT.body)
        program = "coordinator" if number % 2 else "session-manager"
        await quarantine.put(program, original, InvalidMessage.of("", "not JSON"))

    everything = await quarantine.list()
    page = await quarantine.list(after=everything[1].number, limit=2)
    theirs = await quarantine.list("session-manager")

    assert [each.cursor for each in everything] == [1, 2, 3, 4, 5]
    assert [each.cursor for each in page] == [3, 4]
    assert [each.cursor for each in theirs] == [2, 4]


async def test_the_same_message_for_the_same_reason_is_kept_once(bus):
    quarantine = Quarantine(bus)
    for _ in range(2):
        await quarantine.put("coordinator", COMMAND, NoTurn(session_id="s1"))

    assert len(await quarantine.list()) == 1


async def test_a_command_can_be_sent_again_as_it_came(bus):
    quarantine = Quarantine(bus)
    await bus.store(COMMAND.subject, COMMAND.body, {"Nats-Msg-Id": "/x 1"}, 5.0)
    await bus.api("STREAM.MSG.DELETE.JIDO_COMMANDS", {"seq": 1})
    await quarantine.put("coordinator", COMMAND, NoTurn(session_id="s1"))

    assert await quarantine.redrive(1) == COMMAND.subject

    assert [each async for each in waiting_sessions(bus)] == ["s1"]
    assert await quarantine.list() == ()


async def test_an_event_cannot_be_sent_again_and_stays(bus):
    quarantine = Quarantine(bus)
    await quarantine.put("session-manager", EVENT, InvalidMessage.of("", "not JSON"))

    with pytest.raises(InvalidMessage):
        await quarantine.redrive(1)

    assert len(await quarantine.list()) == 1


async def test_what_was_dropped_is_gone(bus):
    quarantine = Quarantine(bus)
    await quarantine.put("coordinator", COMMAND, NoTurn(session_id="s1"))
    await quarantine.drop(1)

    assert await quarantine.list() == ()


@pytest.mark.parametrize("verb", ["show", "redrive", "drop"])
@pytest.mark.parametrize("number", [-1, 0, 1, 10**9])
async def test_what_is_not_there_is_said_to_be_gone(bus, verb, number):
    with pytest.raises(NotInQuarantine):
        await getattr(Quarantine(bus), verb)(number)


async def test_a_long_reason_is_cut_and_the_message_kept(bus):
    quarantine = Quarantine(bus)
    problems = tuple({"path": "x" * 64, "reason": "y" * 500} for _ in range(200))
    await quarantine.put("coordinator", COMMAND, InvalidMessage(problems=problems))

    found = await quarantine.show(1)

    assert (found.code, found.body) == ("invalid_message", COMMAND.body)
    assert len(found.error["message"]) <= 1_000
