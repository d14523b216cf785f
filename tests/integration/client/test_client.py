"""The public door against a real broker: asked once, followed without a gap, refused with types."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest
from nats.aio.msg import Msg

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.client import Client, Item, Recorded, Shown
from jidoka.client.asking import new_id
from jidoka.contract import events as e
from jidoka.contract import subjects
from jidoka.contract.content import LlmConfig, Policy, Status, TurnOutcome
from jidoka.contract.envelope import Envelope, receive, type_of
from jidoka.contract.errors import (
    InboxFull,
    InvalidMessage,
    SessionNotFound,
    SessionTerminated,
    TimedOut,
    Unauthenticated,
    Unavailable,
)
from jidoka.contract.live import Delta
from jidoka.core.ports import Draft, Head
from tests.support.nats import NatsServer, running_nats

SESSION = "s" + "0" * 24


class Log:
    """Writes a session's log."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._log, self._head = bus, NatsEventLog(bus), Head()

    async def record(self, *events: e.Event) -> None:
        for event in events:
            draft = Draft(event=event, event_id=new_id(), source="/test", epoch=1)
            self._head = (await self._log.append(SESSION, draft, self._head))[-1].head

    async def show(self, call_id: str, text: str, offset: int = 0) -> None:
        delta = Delta(turn_id="t", call_id=call_id, offset=offset, text=text)
        envelope = Envelope(
            id=new_id(),
            source="/test",
            type=type_of("live.text"),
            subject=SESSION,
            epoch=1,
            data=delta,
        )
        await self._bus.publish(subjects.session_live(SESSION, "text"), envelope.to_json())
        await self._bus.barrier()


@pytest.fixture
def log(bus: Bus) -> Log:
    return Log(bus)


BIRTH = (
    e.SessionCreated(session_name="x", project_path="/p", llm=LlmConfig()),
    e.SessionStatusChanged(status=Status.INITIALIZING),
)


def answered(call_id: str) -> e.LlmResponded:
    return e.LlmResponded(turn_id="t", call_id=call_id, step=1, content="whole", model="m")


async def first(items: AsyncIterator[Item], count: int) -> list[Item]:
    return [await anext(items) for _ in range(count)]


def seen(items: list[Item]) -> list[str]:
    return [
        item.event.name if isinstance(item, Recorded) else item.delta.text
        for item in items
        if isinstance(item, Shown) or not isinstance(item.event, e.UnknownEvent)
    ]


async def answer_with(bus: Bus, name: str, *answers: tuple[str, object] | None) -> list[Envelope]:
    """Answer requests of a command one after the other; None leaves one without an answer."""
    asked: list[Envelope] = []

    async def answer(message: Msg) -> None:
        asked.append(receive(message.data, message.headers))
        reply = answers[min(len(asked), len(answers)) - 1]
        if reply is not None:
            kind, data = reply
            envelope = Envelope(id="r", source="/test", type=type_of(kind), data=data)
            await bus.publish(message.reply, envelope.to_json())

    await bus.subscribe(subjects.command_request(name), answer)
    await bus.barrier()
    return asked


ACCEPTED = ("command.accepted", {"session_id": SESSION, "sequence": 3, "cursor": 3})


async def test_a_question_without_an_answer_is_asked_again_with_the_same_id(
    bus: Bus, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("jidoka.client.asking.ONE_TRY_S", 0.2)
    asked = await answer_with(bus, "message.submit", None, None, ACCEPTED)

    number = await client.send_message(SESSION, "hello")

    assert number == 3
    assert len(asked) >= 3  # on a busy machine the answer may come too late for its question
    assert len({(each.source, each.id) for each in asked}) == 1


async def test_two_messages_are_two_commands(bus: Bus, client: Client):
    asked = await answer_with(bus, "message.submit", ACCEPTED)

    await client.send_message(SESSION, "hello")
    await client.send_message(SESSION, "hello")

    assert len({each.id for each in asked}) == 2


async def test_a_refusal_is_raised_as_its_type(bus: Bus, client: Client):
    refusal = InboxFull(waiting=64, maximum=64).as_dict()
    await answer_with(bus, "message.submit", ("command.refused", refusal))

    with pytest.raises(InboxFull) as refused:
        await client.send_message(SESSION, "hello")

    assert refused.value.maximum == 64


async def test_what_does_not_fit_is_refused_before_it_is_sent(client: Client):
    with pytest.raises(InvalidMessage, match="content"):
        await client.send_message(SESSION, "   ")


async def test_when_nobody_answers_it_says_so_in_time(nats_url: str, bus: Bus):
    async with await Client.connect(nats_url, timeout_s=0.3) as client:
        with pytest.raises((Unavailable, TimedOut)):
            await client.list_sessions()


async def test_pages_of_sessions_are_put_together(bus: Bus, client: Client):
    def page(name: str, following: str | None) -> tuple[str, object]:
        info = {"session_id": name, "name": name, "project_path": "/", "status": "idle"}
        return ("command.accepted", {"sessions": [info], "next": following})

    asked = await answer_with(bus, "session.list", page("a", "a"), page("b", None))

    sessions = await client.list_sessions(status=["idle"])

    assert [session.session_id for session in sessions] == ["a", "b"]
    assert [each.data.get("after") for each in asked] == [None, "a"]


async def test_a_follower_sees_history_then_deltas_then_what_comes(client: Client, log: Log):
    await log.record(*BIRTH, answered("old"))
    await log.show("old", "void")
    await log.show("running", "hel")

    async with aclosing(client.subscribe_to_session(SESSION)) as items:
        history = await first(items, 4)
        await log.show("running", "lo", 3)
        await anext(items)
        await log.record(answered("running"))
        end = await first(items, 1)

    assert seen(history) == [
        "session.created",
        "session.status_changed",
        "llm.responded",
        "hel",
    ]
    assert seen(end) == ["llm.responded"]


@pytest.mark.parametrize("after", [0, 1, 2, 3])
async def test_a_follower_begins_after_any_number(client: Client, log: Log, after: int):
    await log.record(*BIRTH, answered("a"))

    items = [
        item
        async for item in client.subscribe_to_session(SESSION, after=after, to_the_end=True)
        if isinstance(item, Recorded)
    ]

    assert [item.sequence for item in items] == [1, 2, 3][after:]


async def test_following_beyond_the_end_or_nobody_is_refused(client: Client, log: Log):
    await log.record(*BIRTH)

    with pytest.raises(InvalidMessage, match="beyond"):
        await anext(client.subscribe_to_session(SESSION, after=3))
    with pytest.raises(SessionNotFound):
        await anext(client.subscribe_to_session("snobody"))


async def test_what_is_handed_on_is_what_is_stored(client: Client, log: Log, bus: Bus):
    await log.record(*BIRTH)

    item = await anext(client.subscribe_to_session(SESSION))

    assert isinstance(item, Recorded)
    assert json.loads(item.body)["prevhash"] == "0" * 64
    assert item.envelope.data == json.loads(item.body)["data"]


async def test_a_large_event_is_handed_on_with_its_data(client: Client, log: Log):
    large = answered("a").model_copy(update={"content": "x" * 300_000})
    await log.record(*BIRTH, large)

    items = [item async for item in client.subscribe_to_session(SESSION, to_the_end=True)]

    last = items[-1]
    assert isinstance(last, Recorded)
    assert isinstance(last.event, e.LlmResponded)
    assert len(last.event.content) == 300_000


async def test_unsubscribing_ends_the_iterator(client: Client, log: Log):
    await log.record(*BIRTH)
    got: list[Item] = []

    async with asyncio.timeout(10):
        async for item in client.subscribe_to_session(SESSION):
            got.append(item)
            if len(got) == len(BIRTH):
                client.unsubscribe_from_session(SESSION)

    assert seen(got) == ["session.created", "session.status_changed"]


async def test_all_sessions_are_followed_without_content(client: Client, log: Log):
    await log.record(*BIRTH)
    async with aclosing(client.subscribe_to_all_sessions()) as items:
        task = asyncio.create_task(anext(items))
        await asyncio.sleep(0)
        ended = e.TurnEnded(turn_id="t", outcome=TurnOutcome.COMPLETED)
        idle = e.SessionStatusChanged(status=Status.IDLE)
        while not task.done():  # it begins from now: say it until it listens
            await log.record(ended, idle)
            await asyncio.wait({task}, timeout=0.2)
        item = task.result()

    assert (item.session_id, item.event) == (SESSION, idle)


async def test_a_wrong_token_is_refused(tmp_path_factory: pytest.TempPathFactory):
    home = tmp_path_factory.mktemp("nats")
    with running_nats(home, token="right") as server, pytest.raises(Unauthenticated):  # noqa: S106
        await Client.connect(server.url.replace("right", "wrong"))


async def test_a_follower_goes_on_when_the_broker_was_killed(
    client: Client, log: Log, nats_server: NatsServer
):
    await log.record(*BIRTH)
    async with aclosing(client.subscribe_to_session(SESSION, live=False)) as items:
        before = await first(items, 2)
        nats_server.kill()
        nats_server.start()
        await log.record(answered("a"))
        after = await first(items, 1)

    assert seen(before + after)[-1] == "llm.responded"


async def undone(client: Client, timeout_s: float) -> object:
    return await client.undo(SESSION, timeout_s=timeout_s)


async def redone(client: Client, timeout_s: float) -> object:
    return await client.redo(SESSION, timeout_s=timeout_s)


async def compacted(client: Client, timeout_s: float) -> object:
    return await client.compact(SESSION, timeout_s=timeout_s)


WAITING = [("turn.undo", undone), ("turn.redo", redone), ("context.compact", compacted)]
Asks = Callable[[Client, float], Awaitable[object]]


@pytest.mark.parametrize(("command", "asks"), WAITING, ids=[name for name, _ in WAITING])
async def test_a_request_that_nobody_serves_is_recorded_and_not_waited_for_without_end(
    client: Client, bus: Bus, log: Log, command: str, asks: Asks
):
    await log.record(*BIRTH, e.SessionRenamed(origin="/o", session_name="asked"))
    asked = await answer_with(bus, command, ACCEPTED)

    with pytest.raises(Unavailable) as caught:
        await asks(client, 0.2)

    assert len(asked) == 1
    assert caught.value.part == "the end of request #3"
    assert "recorded" in caught.value.why
    assert "follow the session" in caught.value.why


@pytest.mark.parametrize(("command", "asks"), WAITING, ids=[name for name, _ in WAITING])
async def test_a_request_is_not_waited_for_when_its_session_ends(
    client: Client, bus: Bus, log: Log, command: str, asks: Asks
):
    renamed = e.SessionRenamed(origin="/o", session_name="asked")
    await log.record(*BIRTH, renamed, e.SessionTerminated(reason="by hand"))
    await answer_with(bus, command, ACCEPTED)

    with pytest.raises(SessionTerminated) as caught:
        await asks(client, 20)

    assert caught.value.reason == "by hand"


async def test_what_became_of_a_request_is_its_first_end(client: Client, bus: Bus, log: Log):
    end = e.TurnUndone(turn_ids=("t",))
    await log.record(*BIRTH, e.SessionRenamed(origin="/o", session_name="asked"), end)
    await answer_with(bus, "turn.undo", ACCEPTED)

    assert await client.undo(SESSION) == end


async def test_a_view_of_a_session_holds_all_that_was_recorded(client: Client, log: Log):
    waiting = e.MessageAccepted(origin="/o", message_id="m", content="Hello", policy=Policy.QUEUE)
    await log.record(*BIRTH, waiting)

    view = await client.session_view(SESSION)

    assert (view.sequence, view.name, view.status) == (3, "x", Status.INITIALIZING)
    assert [message.text for message in view.waiting] == ["Hello"]
