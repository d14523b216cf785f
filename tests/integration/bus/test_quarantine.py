"""What was put away can be seen, sent again and dropped."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jidoka.bus.entries import STRUCTURED, Stored
from jidoka.bus.inbox import waiting_sessions
from jidoka.bus.quarantine import Quarantine, Wanted
from jidoka.contract.errors import InboxFull, InvalidMessage, NotInQuarantine, NoTurn

COMMAND = Stored(
    7,
    "jido.session.s1.command.turn.cancel",
    b'{"specversion":"1.0","id":"1","source":"/x","type":"jido.turn.cancel.v1","data":{}}',
    STRUCTURED | {"traceparent": "00-1-2-01", "Nats-Sequence": "7", "Nats-Msg-Id": "/x 1"},
)
EVENT = Stored(3, "jido.session.s1.event.turn.ended", b"\xff not \n json", {})


async def test_a_message_is_kept_as_it_came_with_the_reason(bus):
    quarantine = Quarantine(bus)
    await quarantine.put("coordinator", COMMAND, NoTurn(session_id="s1"))

    found = await quarantine.show(1)

    assert (found.program, found.subject, found.cursor) == ("coordinator", COMMAND.subject, 7)
    assert found.time == (await quarantine.list())[0].time
    assert found.time > datetime(2020, 1, 1, tzinfo=UTC)
    assert (found.what, found.session_id) == ("command turn.cancel", "s1")
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
    theirs = await quarantine.list(Wanted("session-manager"))

    assert [each.cursor for each in everything] == [1, 2, 3, 4, 5]
    assert [each.cursor for each in page] == [3, 4]
    assert [each.cursor for each in theirs] == [2, 4]


async def test_the_list_is_narrowed_to_a_session_and_a_code(bus):
    quarantine = Quarantine(bus)
    await quarantine.put("coordinator", COMMAND, NoTurn(session_id="s1"))
    await quarantine.put("coordinator", EVENT, InvalidMessage.of("", "not JSON"))
    other = replace(COMMAND, subject="jido.session.s2.command.turn.cancel")
    await quarantine.put("coordinator", other, NoTurn(session_id="s2"))

    of_a_session = await quarantine.list(Wanted(session_id="s1"))
    with_a_code = await quarantine.list(Wanted(code="no_turn"))
    second = await quarantine.list(Wanted(code="no_turn"), after=1, limit=1)

    assert [each.number for each in of_a_session] == [1, 2]
    assert [each.number for each in with_a_code] == [1, 3]
    assert [each.number for each in second] == [3]


@pytest.mark.parametrize("program", ["", "a.b", "*", ">"])
async def test_no_program_has_such_a_name(bus, program):
    with pytest.raises(InvalidMessage):
        await Quarantine(bus).list(Wanted(program))


async def test_all_that_was_there_is_dropped_and_what_came_since_stays(bus):
    quarantine = Quarantine(bus)
    for number, program in enumerate(("coordinator", "host", "coordinator"), 1):
        await quarantine.put(program, replace(EVENT, cursor=number), NoTurn(session_id="s1"))
    extent = await quarantine.extent("coordinator")
    await quarantine.put("coordinator", replace(EVENT, cursor=4), NoTurn(session_id="s1"))

    dropped = await quarantine.clear(extent.last, "coordinator")

    assert (extent.messages, extent.last, dropped) == (2, 3, 2)
    assert [each.number for each in await quarantine.list()] == [2, 4]
    assert (await quarantine.extent()).messages == 2


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("jido.session.s1.command.turn.cancel", "command turn.cancel"),
        ("jido.command.session.list", "request session.list"),
        ("jido.session.s1.event.turn.ended", "event turn.ended"),
        ("jido.session.command.event.turn.ended", "event turn.ended"),
        ("elsewhere", "elsewhere"),
        ("", ""),
    ],
)
async def test_what_it_was_is_told_by_its_subject(bus, subject, what):
    quarantine = Quarantine(bus)
    await quarantine.put("coordinator", replace(COMMAND, subject=subject), NoTurn(session_id="s"))

    assert (await quarantine.show(1)).what == what


async def test_a_command_stays_while_its_inbox_is_full(bus):
    quarantine = Quarantine(bus)
    for number in range(64):
        await bus.store(COMMAND.subject, COMMAND.body, {"Nats-Msg-Id": str(number)}, 5.0)
    await quarantine.put("coordinator", COMMAND, NoTurn(session_id="s1"))

    with pytest.raises(InboxFull):
        await quarantine.redrive(1)

    assert len(await quarantine.list()) == 1


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


async def test_of_what_is_too_large_the_beginning_is_kept_and_not_sent_again(bus):
    quarantine = Quarantine(bus)
    large = replace(COMMAND, body=b"x" * (1024 * 1024 + 1))
    await quarantine.put("coordinator", large, InvalidMessage.of("", "not JSON"))

    with pytest.raises(InvalidMessage):
        await quarantine.redrive(1)

    found = await quarantine.show(1)
    assert (found.size_bytes, found.body) == (len(large.body), large.body[:-1])


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
