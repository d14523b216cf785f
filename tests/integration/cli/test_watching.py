"""Watching a turn whose end can never come."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.msg import Msg

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.cli.watching import watch_turn
from jidoka.client import Client
from jidoka.client.asking import new_id
from jidoka.contract import events as e
from jidoka.contract import subjects
from jidoka.contract.content import ErrorInfo, LlmConfig, Status
from jidoka.contract.envelope import Envelope, type_of
from jidoka.contract.errors import LogDamaged
from jidoka.contract.replies import SessionInfo
from jidoka.core.ports import Draft, Head
from tests.support.nats import NatsServer

SESSION = "s" + "0" * 24
DAMAGED = SessionInfo(
    session_id=SESSION,
    name="x",
    project_path="/p",
    status=Status.ACTIVE,
    degraded=True,
    error=ErrorInfo.model_validate(LogDamaged(first=3, last=9).as_dict()),
)


async def record(bus: Bus, *events: e.Event) -> int:
    head = Head()
    for event in events:
        draft = Draft(event, new_id(), "/test")
        head = (await NatsEventLog(bus).append(SESSION, draft, head))[-1].head
    return head.sequence


async def tell_of_damage(bus: Bus) -> None:
    async def answer(message: Msg) -> None:
        data = DAMAGED.model_dump(mode="json")
        envelope = Envelope(id="r", source="/test", type=type_of("session.info"), data=data)
        await bus.publish(message.reply, envelope.to_json())

    await bus.subscribe(subjects.command_request("session.get"), answer)
    await bus.barrier()


async def test_a_turn_is_not_awaited_when_the_broker_came_back_without_it(
    bus: Bus, nats_url: str, nats_server: NatsServer
):
    birth = e.SessionCreated(session_name="x", project_path="/p", llm=LlmConfig())
    number = await record(bus, birth, e.MessageAccepted(message_id="m", content="Hi."))
    await tell_of_damage(bus)
    shown = asyncio.Event()

    async with await Client.connect(nats_url, timeout_s=5) as client:
        turn = asyncio.create_task(watch_turn(client, SESSION, number, lambda *_: shown.set()))
        await asyncio.wait_for(shown.wait(), 10)
        nats_server.kill()
        nats_server.start()

        with pytest.raises(LogDamaged):
            await asyncio.wait_for(turn, 25)
