"""What is wrong is refused at the door, with the reason and the numbers, and records nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jidoka.bus.connection import connect
from jidoka.bus.quarantine import Quarantine, Quarantined
from jidoka.contract.content import Status
from jidoka.contract.events import (
    Event,
    LlmRequested,
    SessionDeleted,
    SessionStatusChanged,
    SessionTerminated,
    TurnStarted,
)
from jidoka.coordinator.poison import EVERY_S
from tests.support.coordinator import Sessions, Stranger
from tests.support.drafts import new_id


@pytest.fixture(scope="module")
def nats_url(shared_door: str) -> str:
    """All tests here ask one replica."""
    return shared_door


def about(value: Any, session_id: str) -> Any:
    """Return a value of a table with the test's own session in the place of s1."""
    return json.loads(json.dumps(value).replace('"s1"', json.dumps(session_id)))


TURN = (
    TurnStarted(turn_id="t1", message_ids=("m0",)),
    LlmRequested(turn_id="t1", call_id="l1", step=1, model="m"),
)
ENDED: tuple[Event, ...] = (
    SessionStatusChanged(status=Status.TERMINATED, previous_status=Status.ACTIVE),
    SessionTerminated(reason="crash_limit"),
)
DELETED = (
    *ENDED,
    SessionDeleted(
        at=datetime(2026, 1, 1, tzinfo=UTC), by="a", last_sequence=1, last_hash="0" * 64
    ),
)
CLOSED = (SessionStatusChanged(status=Status.CLOSED, previous_status=Status.ACTIVE),)
SAY = {"session_id": "s1", "content": "hi"}
REFUSALS: dict[str, tuple[tuple[Event, ...], str, dict[str, Any], str, dict[str, Any]]] = {
    "a session that is not there": (
        (),
        "message.submit",
        SAY | {"session_id": "nobody"},
        "session_not_found",
        {"asked": "nobody"},
    ),
    "a session that was deleted": (
        DELETED,
        "message.submit",
        SAY,
        "session_not_found",
        {"asked": "s1"},
    ),
    "a session that has ended": (
        ENDED,
        "message.submit",
        SAY,
        "session_terminated",
        {"session_id": "s1", "reason": "crash_limit"},
    ),
    "a session that is closed": (
        CLOSED,
        "message.submit",
        SAY,
        "invalid_transition",
        {"status": "closed"},
    ),
    "a turn that runs, to a sender who would not wait": (
        TURN,
        "message.submit",
        SAY | {"policy": "reject"},
        "session_busy",
        {"session_id": "s1", "turn_id": "t1"},
    ),
    "no turn to cancel": ((), "turn.cancel", {"session_id": "s1"}, "no_turn", {}),
    "no such question": (
        TURN,
        "permission.answer",
        {"session_id": "s1", "call_id": "c9", "decision": "allow"},
        "call_not_found",
        {"call_id": "c9"},
    ),
    "no such waiting message": (
        (),
        "message.withdraw",
        {"session_id": "s1", "message_id": "m9"},
        "call_not_found",
        {},
    ),
    "an empty message": ((), "message.submit", SAY | {"content": " "}, "invalid_message", {}),
    "an unknown policy": ((), "message.submit", SAY | {"policy": "x"}, "invalid_message", {}),
    "a session id with a wildcard": (
        (),
        "message.submit",
        SAY | {"session_id": "*"},
        "invalid_message",
        {},
    ),
    "a message that is too long": (
        (),
        "message.submit",
        SAY | {"content": "x" * (256 * 1024 + 1)},
        "too_large",
        {"what": "content", "size_bytes": 262145, "maximum_bytes": 262144},
    ),
    "an unknown command": ((), "session.dream", {}, "unknown_command", {"name": "session.dream"}),
    "a bad name": (
        (),
        "session.rename",
        {"session_id": "s1", "name": "../x"},
        "invalid_message",
        {},
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
async def test_is_refused(what: str, sid: str, stranger: Stranger, sessions: Sessions):
    more, name, data, code, details = REFUSALS[what]
    details = about(details, sid)
    await sessions.create(sid, *more)
    before = await sessions.events(sid)

    answer = await stranger.ask(name, about(data, sid))

    assert answer["type"] == "jido.command.refused.v1"
    assert answer["data"]["code"] == code
    assert answer["data"]["details"].items() >= details.items()
    assert answer["data"]["message"]
    assert await sessions.events(sid) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"specversion":"1.0"}',
        b'{"specversion":"1.0","id":"1","source":"/a","type":"jido.turn.cancel.v1","data":{}}',
        b'{"specversion":"1.0","id":"1","source":"/a","type":"jido.message.submit.v1","data":[]}',
        b'{"specversion":"1.0","id":"1","source":"/a","type":"other"}',
    ],
)
async def test_poison_is_refused_and_the_door_stays_open(
    body: bytes, sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)

    refused = await stranger.send("jido.command.message.submit", body)
    after = await stranger.say(sid, "still there?")

    assert refused["type"] == "jido.command.refused.v1"
    assert refused["data"]["code"] in ("invalid_message", "unknown_command")
    assert after["sequence"] == 4


async def test_what_is_no_cloudevent_is_put_away_with_the_reason_answered_or_not(
    nats_url: str, stranger: Stranger
):
    subject = f"jido.command.{new_id()}.x"
    async with await connect(nats_url, name="test") as bus:
        quarantine = Quarantine(bus)

        found: list[Quarantined] = []
        async with asyncio.timeout(20):
            while not found:
                await stranger.client.publish(subject, b"\xff\xfe", headers={"who": "me"})
                await asyncio.sleep(2 * EVERY_S)  # of a stream of garbage only some is kept
                found = [each for each in await quarantine.list() if each.subject == subject]

    assert (found[0].program, found[0].code) == ("coordinator", "invalid_message")
    assert (found[0].body, found[0].headers) == (b"\xff\xfe", {"who": "me"})


async def test_a_refusal_says_which_command_it_refuses(sid: str, stranger: Stranger):
    data = {"session_id": sid, "content": ""}

    answer = await stranger.ask("message.submit", data, command_id="m1", subject=sid)

    assert (answer["data"]["code"], answer["causationid"]) == ("invalid_message", "m1")
    assert answer["subject"] == sid


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("message.submit", {"type": "jido.message.submit.v1", "subject": "s2", "data": SAY}),
        ("turn.cancel", {"type": "jido.message.submit.v1", "data": SAY}),
        (
            "session.create",
            {"type": "jido.session.create.v1", "subject": "s1", "data": {"project_path": "/p"}},
        ),
    ],
)
async def test_two_names_for_one_thing_have_to_agree(
    asked: str, said: dict[str, Any], sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)
    event = {"specversion": "1.0", "id": "1", "source": "/a"} | about(said, sid)

    answer = await stranger.send(f"jido.command.{asked}", json.dumps(event).encode())

    assert answer["data"]["code"] == "invalid_message"
    assert len(await sessions.events(sid)) == 3
