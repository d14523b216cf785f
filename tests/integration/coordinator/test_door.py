"""The door: what comes in is recorded once or refused with the reason, and nothing closes it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from jidoka.contract.content import ToolCall
from jidoka.contract.events import (
    LlmRequested,
    LlmResponded,
    PermissionAnswered,
    PermissionRequested,
    SessionConfigured,
    TurnStarted,
)
from jidoka.contract.ids import session_id_of
from tests.support.coordinator import Sessions, Stranger


@pytest.fixture(scope="module")
def nats_url(shared_door: str) -> str:
    """All tests here ask one replica."""
    return shared_door


TURN = (
    TurnStarted(turn_id="t1", message_ids=("m0",)),
    LlmRequested(turn_id="t1", call_id="l1", step=1, model="m"),
)


async def place(sessions: Sessions, session_id: str) -> dict[str, int]:
    """Return the number and the cursor of a session's last event."""
    last = await sessions.log.last(session_id)
    assert last is not None
    return {"sequence": last.sequence, "cursor": last.head.cursor}


def say(session_id: str) -> dict[str, str]:
    return {"session_id": session_id, "content": "hi"}


async def test_rules_are_listed_also_where_no_host_can_say_those_of_the_machine(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid, SessionConfigured(permissions=("deny * .env",)))

    answer = await stranger.ask("permission.list", {"session_id": sid})

    (rule,) = answer["data"]["rules"]
    assert (rule["rule"], rule["source"], rule["revocable"]) == ("deny * .env", "session", False)
    assert "host" in answer["data"]["unseen"]


async def test_a_message_is_recorded_as_its_number(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)

    answer = await stranger.ask(
        "message.submit", say(sid), command_id="m1", traceparent="00-ab-cd-01"
    )

    event = (await sessions.events(sid))[-1]
    assert answer["type"] == "jido.command.accepted.v1"
    assert answer["data"] == {"session_id": sid, **await place(sessions, sid)}
    assert (answer["subject"], answer["causationid"]) == (sid, "m1")
    assert (event["causationid"], event["traceparent"]) == ("m1", "00-ab-cd-01")
    assert event["data"] == {
        "origin": "/a-stranger/7",
        "message_id": "m1",
        "content": "hi",
        "policy": "queue",
        "author": "/a-stranger/7",
        "unattended": False,
        "redactions": 0,
    }


async def test_the_same_command_twice_is_recorded_once_and_answered_the_same(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)

    first = await stranger.say(sid, "hi", command_id="m1")
    await stranger.say(sid, "in between")
    again = await stranger.say(sid, "hi", command_id="m1")

    assert again == first
    assert await sessions.said(sid) == ["hi", "in between"]


async def test_a_session_whose_log_was_erased_by_hand_is_damaged_and_does_not_begin_anew(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)
    await stranger.say(sid, "hi")
    purge = {"filter": f"jido.session.{sid}.event.>"}
    await sessions.log._bus.api("STREAM.PURGE.JIDO_EVENTS", purge)

    answer = await stranger.say(sid, "still there?")

    assert answer["code"] == "log_damaged"
    assert answer["details"] == {"first": 1, "last": 4}
    assert await sessions.events(sid) == []


async def test_the_same_id_of_another_sender_is_another_command(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)

    one = await stranger.ask("message.submit", say(sid), command_id="1")
    other = await stranger.ask("message.submit", say(sid), command_id="1", source="/somebody/else")

    assert (one["data"]["sequence"], other["data"]["sequence"]) == (4, 5)


async def test_the_same_command_many_times_at_once_is_recorded_once(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)

    answers = await asyncio.gather(*(stranger.say(sid, "hi", command_id="m") for _ in range(30)))

    assert {answer["sequence"] for answer in answers} == {4}
    assert await sessions.said(sid) == ["hi"]


async def test_the_sixty_fifth_waiting_message_is_refused_with_the_numbers(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)
    answers = await asyncio.gather(*(stranger.say(sid, f"{n}") for n in range(65)))

    refused = [answer for answer in answers if "code" in answer]

    assert [answer["code"] for answer in refused] == ["inbox_full"]
    assert refused[0]["details"] == {"waiting": 64, "maximum": 64}
    assert len(await sessions.said(sid)) == 64


async def test_the_first_answer_to_a_question_wins_and_the_second_hears_of_it(
    sid: str, stranger: Stranger, sessions: Sessions
):
    call = ToolCall(call_id="c1", tool="shell", arguments="{}")
    await sessions.create(
        sid,
        *TURN,
        LlmResponded(turn_id="t1", call_id="l1", step=1, model="m", tool_calls=(call,)),
        PermissionRequested(
            turn_id="t1",
            call_id="c1",
            tool="shell",
            args={},
            risk="execute",
            deadline="2030-01-01T00:00:00Z",  # pyright: ignore[reportArgumentType]
        ),
    )
    answer = {"session_id": sid, "call_id": "c1", "decision": "allow", "author": "anna"}

    first = await stranger.ask("permission.answer", answer)
    second = await stranger.ask("permission.answer", answer | {"decision": "deny"})

    assert first["type"] == "jido.command.accepted.v1"
    assert second["data"]["code"] == "already_answered"
    assert second["data"]["details"].items() >= {"by": "anna", "answer": "allow"}.items()
    assert PermissionAnswered.name in (await sessions.events(sid))[-1]["type"]


async def test_every_form_of_a_cloudevent_is_taken(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)
    event = {"specversion": "1.0", "source": "/a", "type": "jido.message.submit.v1"}
    structured = {"content-type": "application/cloudevents+json"}
    binary = {f"ce-{key}": value for key, value in (event | {"id": "b", "subject": sid}).items()}
    old = event | {"id": "o", "specversion": "1.0.2", "session_id": sid, "data": {"content": "o"}}
    forms: list[tuple[bytes, dict[str, str] | None]] = [
        (json.dumps(event | {"id": "s", "data": say(sid) | {"content": "s"}}).encode(), structured),
        (json.dumps(event | {"id": "n", "data": say(sid) | {"content": "n"}}).encode(), None),
        (json.dumps({"content": "b"}).encode(), binary),
        (json.dumps(old).encode(), None),
    ]

    answers = [
        await stranger.send("jido.command.message.submit", body, headers) for body, headers in forms
    ]

    assert [answer["data"].get("sequence") for answer in answers] == [4, 5, 6, 7]
    assert await sessions.said(sid) == ["s", "n", "b", "o"]


async def test_a_create_goes_to_the_leading_manager_and_its_answer_comes_back(stranger: Stranger):
    seen: list[dict[str, Any]] = []
    reply = {"specversion": "1.0", "id": "r", "source": "/m", "type": "jido.command.accepted.v1"}

    async def lead(message: Any) -> None:
        seen.append(json.loads(message.data))
        await message.respond(json.dumps(reply | {"data": {"session_id": "sx"}}).encode())

    await stranger.client.subscribe("jido.manager.session.create", cb=lead)
    await stranger.client.flush()

    answer = await stranger.ask("session.create", {"project_path": "/p"}, command_id="c1")

    assert answer["data"] == {"session_id": "sx"}
    assert (seen[0]["id"], seen[0]["data"]) == ("c1", {"project_path": "/p"})


async def test_a_leader_who_comes_a_moment_later_is_waited_for(stranger: Stranger):
    reply = {"specversion": "1.0", "id": "r", "source": "/m", "type": "jido.command.accepted.v1"}

    async def lead(message: Any) -> None:
        await message.respond(json.dumps(reply | {"data": {"sessions": []}}).encode())

    asking = asyncio.create_task(stranger.ask("session.list", {}))
    asked = await stranger.client.subscribe("jido.command.session.list")
    await asyncio.wait({asking}, timeout=0.3)
    await asked.unsubscribe()
    await stranger.client.subscribe("jido.manager.session.list", cb=lead)

    answer = await asking

    assert answer["data"] == {"sessions": []}


async def test_without_a_leader_the_answer_is_unavailable(sid: str, stranger: Stranger):
    answer = await stranger.ask("session.get", {"session_id": sid})

    assert answer["data"]["code"] == "unavailable"
    assert answer["data"]["retryable"] is True
    assert answer["data"]["details"]["part"] == "session-manager"


async def test_a_close_is_recorded_and_the_manager_told_to_carry_it_out(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)
    told: list[bytes] = []

    async def settle(message: Any) -> None:
        told.append(message.data)
        await message.respond(b'{"ok": true}')

    await stranger.client.subscribe("jido.manager.session.settle", cb=settle)
    await stranger.client.flush()

    answer = await stranger.ask("session.close", {"session_id": sid, "reason": "done"})

    assert answer["data"] == {"session_id": sid, **await place(sessions, sid), "settled": True}
    assert [json.loads(body) for body in told] == [{"session_id": sid}]
    assert (await sessions.events(sid))[-1]["type"] == "jido.session.close_requested.v1"


async def test_a_termination_nobody_carries_out_now_is_recorded_all_the_same(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)

    first, again = await asyncio.gather(
        stranger.ask("session.terminate", {"session_id": sid}, command_id="t"),
        stranger.ask("session.terminate", {"session_id": sid}, command_id="t"),
    )

    assert first["data"] == {"session_id": sid, **await place(sessions, sid), "settled": False}
    assert again["data"] == first["data"]
    assert len(await sessions.events(sid)) == 4


async def test_a_create_may_name_its_session_beforehand(stranger: Stranger):
    made = session_id_of("/a-stranger/7", "c1")
    reply = {"specversion": "1.0", "id": "r", "source": "/m", "type": "jido.command.accepted.v1"}

    async def lead(message: Any) -> None:
        await message.respond(json.dumps(reply | {"data": {"session_id": made}}).encode())

    await stranger.client.subscribe("jido.manager.session.create", cb=lead)
    await stranger.client.flush()

    answer = await stranger.ask(
        "session.create", {"project_path": "/p"}, command_id="c1", subject=made
    )

    assert answer["data"] == {"session_id": made}
