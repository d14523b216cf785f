"""Durable commands: taken up after an outage, in order, once; what cannot be is in quarantine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from nats.js.errors import NotFoundError

from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.bus.quarantine import Quarantine, Quarantined
from jidoka.contract.ids import session_id_of
from tests.support.coordinator import (
    CoordinatorProcess,
    Sessions,
    Stranger,
    starting_coordinator,
)

PATIENCE_S = 20.0


def event(name: str, command_id: str, data: Any) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": command_id,
            "source": "/a",
            "type": f"jido.{name}.v1",
            "data": data,
        }
    ).encode()


async def leave(stranger: Stranger, session_id: str, name: str, command_id: str, data: Any) -> None:
    """Leave a command in the stream, as anybody may."""
    subject = f"jido.session.{session_id}.command.{name}"
    await stranger.client.jetstream().publish(subject, event(name, command_id, data))


async def until_said(sessions: Sessions, session_id: str, count: int) -> list[str]:
    async with asyncio.timeout(PATIENCE_S):
        async for entry in sessions.log.follow(session_id):
            if entry.sequence == 3 + count:
                break
    return await sessions.said(session_id)


async def until_quarantined(nats_url: str, count: int = 1) -> tuple[Quarantined, ...]:
    async with await connect(nats_url, name="test") as bus, asyncio.timeout(PATIENCE_S):
        await ensure(bus)
        quarantine = Quarantine(bus)
        while len(found := await quarantine.list()) < count:  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.02)
    return found


async def waiting(stranger: Stranger) -> int:
    try:
        info = await stranger.client.jetstream().stream_info("JIDO_COMMANDS")
    except NotFoundError:
        return 0
    return info.state.messages


async def until_none_waits(stranger: Stranger) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await waiting(stranger):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.02)


async def test_what_was_left_while_all_was_down_is_taken_up_in_order(
    nats_url: str, tmp_path: Path, stranger: Stranger, sessions: Sessions
):
    await ensure(sessions.log._bus)
    await sessions.create("s1")
    for number in range(20):
        data = {"content": f"m{number}"}
        await leave(stranger, "s1", "message.submit", f"{number}", data)

    with starting_coordinator(nats_url, tmp_path / "late"):
        said = await until_said(sessions, "s1", 20)
        await until_none_waits(stranger)

    assert said == [f"m{number}" for number in range(20)]


async def test_a_command_left_and_also_sent_is_recorded_once(
    coordinator: CoordinatorProcess, stranger: Stranger, sessions: Sessions
):
    await sessions.create("s1")
    body = event("message.submit", "m1", {"session_id": "s1", "content": "hi"})

    sent = await stranger.send("jido.command.message.submit", body)
    await stranger.client.jetstream().publish("jido.session.s1.command.message.submit", body)
    await until_none_waits(stranger)

    assert sent["data"]["sequence"] == 4
    assert await sessions.said("s1") == ["hi"]


async def test_poison_is_put_away_with_the_reason_and_the_queue_goes_on(
    nats_url: str, coordinator: CoordinatorProcess, stranger: Stranger, sessions: Sessions
):
    await sessions.create("s1")
    bus = stranger.client.jetstream()

    await bus.publish("jido.session.s1.command.message.submit", b"\xff no event")
    await leave(stranger, "s1", "message.submit", "1", {"content": " "})
    await leave(stranger, "s1", "session.dream", "2", {})
    await leave(stranger, "s1", "message.submit", "3", {"session_id": "s2", "content": "x"})
    await leave(stranger, "nobody", "message.submit", "4", {"content": "x"})
    await leave(stranger, "s1", "message.submit", "5", {"content": "after all that"})
    said = await until_said(sessions, "s1", 1)
    found = await until_quarantined(nats_url, 5)

    assert said == ["after all that"]
    assert sorted(each.code for each in found) == [
        "invalid_message",
        "invalid_message",
        "invalid_message",
        "session_not_found",
        "unknown_command",
    ]
    assert {each.program for each in found} == {"coordinator"}
    assert all(each.error["message"] for each in found)


async def test_a_full_inbox_makes_the_next_command_wait_and_loses_none(
    coordinator: CoordinatorProcess, stranger: Stranger, sessions: Sessions
):
    await sessions.create("s1")
    await asyncio.gather(*(stranger.say("s1", f"{n}", command_id=f"w{n}") for n in range(64)))
    await leave(stranger, "s1", "message.submit", "late", {"content": "late"})
    withdraw = {"session_id": "s1", "message_id": "w0"}

    await stranger.ask("message.withdraw", withdraw)
    said = await until_said(sessions, "s1", 66)

    assert said[-1] == "late"


async def test_a_durable_create_waits_for_a_leader_and_knows_its_session(
    coordinator: CoordinatorProcess, stranger: Stranger
):
    made = session_id_of("/a", "c1")
    seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    reply = {"specversion": "1.0", "id": "r", "source": "/m", "type": "jido.command.accepted.v1"}

    async def lead(message: Any) -> None:
        await message.respond(json.dumps(reply | {"data": {"session_id": made}}).encode())
        await seen.put(json.loads(message.data))

    await leave(stranger, made, "session.create", "c1", {"project_path": "/p"})
    await stranger.client.subscribe("jido.manager.session.create", cb=lead)
    async with asyncio.timeout(PATIENCE_S):
        asked = await seen.get()
    await until_none_waits(stranger)

    assert (asked["id"], asked["data"]) == ("c1", {"project_path": "/p"})


async def test_a_refusal_of_the_leader_is_put_away_with_its_code(
    nats_url: str, coordinator: CoordinatorProcess, stranger: Stranger
):
    made = session_id_of("/a", "c1")
    refusal = {"code": "project_not_found", "message": "", "retryable": False}
    reply = {"specversion": "1.0", "id": "r", "source": "/m", "type": "jido.command.refused.v1"}
    body = json.dumps(reply | {"data": refusal | {"details": {"path": "/p"}}}).encode()

    async def lead(message: Any) -> None:
        await message.respond(body)

    await stranger.client.subscribe("jido.manager.session.create", cb=lead)
    await leave(stranger, made, "session.create", "c1", {"project_path": "/p"})
    found = await until_quarantined(nats_url)

    assert found[0].code == "project_not_found"
    assert found[0].error["details"] == {"path": "/p"}


async def test_another_replica_goes_on_where_a_killed_one_stopped(
    nats_url: str, tmp_path: Path, stranger: Stranger, sessions: Sessions
):
    await ensure(sessions.log._bus)
    await sessions.create("s1")
    with (
        starting_coordinator(nats_url, tmp_path / "one") as one,
        starting_coordinator(nats_url, tmp_path / "other") as other,
    ):
        await asyncio.gather(one.ready(), other.ready())
        for number in range(30):
            await leave(stranger, "s1", "message.submit", f"{number}", {"content": f"m{number}"})
            if number == 10:
                one.kill()
        said = await until_said(sessions, "s1", 30)

    assert said == [f"m{number}" for number in range(30)]
