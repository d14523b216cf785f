"""Durable commands: stored while nobody is there, applied in order, refused for good or for now."""

from __future__ import annotations

import asyncio

import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.inbox import Inbox, submit, waiting_sessions
from jidoka.bus.lanes import Waiting
from jidoka.bus.quarantine import Quarantine, Wanted
from jidoka.bus.storage_limits import StorageLimits
from jidoka.contract import subjects
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import (
    InboxFull,
    NoTurn,
    SessionLimitReached,
    SessionNotFound,
    StorageFull,
)
from tests.support.drafts import new_id
from tests.support.nats import NatsServer


def a_command(name: str = "message.submit", **data: object) -> Envelope:
    return Envelope(id=new_id(), source="/test", type=f"jido.{name}.v1", data=data)


class Coordinator:
    """Applies by writing down; `problems` are raised first, one a call."""

    def __init__(self, expected: int) -> None:
        self.applied: list[Waiting] = []
        self.problems: dict[str, list[BaseException]] = {}
        self.enough = asyncio.Event()
        self._expected = expected

    async def apply(self, waiting: Waiting) -> None:
        if problems := self.problems.get(waiting.session_id):
            raise problems.pop(0)
        self.applied.append(waiting)
        if len(self.applied) >= self._expected:
            self.enough.set()

    async def run_on(self, bus: Bus, until: asyncio.Event | None = None) -> None:
        async with asyncio.TaskGroup() as tasks:
            inbox = Inbox(bus, self.apply, holder=new_id())
            running = tasks.create_task(inbox.run())
            await (until or self.enough).wait()
            await _empty(bus)
            running.cancel()


async def _empty(bus: Bus) -> None:
    while [each async for each in waiting_sessions(bus)]:  # noqa: ASYNC110 - seen from outside
        await asyncio.sleep(0.01)


async def _quarantined(bus: Bus) -> None:
    while not await Quarantine(bus).list():  # noqa: ASYNC110 - seen from outside
        await asyncio.sleep(0.01)


async def test_what_was_sent_while_nobody_was_there_is_applied_in_order(bus):
    commands = [a_command(number=number) for number in range(30)]
    for number, command in enumerate(commands):
        await submit(bus, f"s{number % 3}", command)
    coordinator = Coordinator(30)

    await coordinator.run_on(bus)

    for session in ("s0", "s1", "s2"):
        mine = [each for each in coordinator.applied if each.session_id == session]
        assert [each.cursor for each in mine] == sorted(each.cursor for each in mine)
        assert {each.envelope.id for each in mine} == {c.id for c in commands[int(session[1]) :: 3]}


async def test_what_is_sent_while_it_runs_is_applied_too(bus):
    coordinator = Coordinator(5)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(coordinator.run_on(bus))
        for number in range(5):
            await submit(bus, "s1", a_command(number=number))

    assert [each.envelope.data["number"] for each in coordinator.applied] == [0, 1, 2, 3, 4]


async def test_the_same_command_twice_waits_once(bus):
    command = a_command()

    places = [await submit(bus, "s1", command) for _ in range(2)]

    assert places[0] == places[1]


async def test_the_65th_of_a_kind_and_session_is_refused_and_others_are_not(bus):
    for _ in range(64):
        await submit(bus, "s1", a_command())

    with pytest.raises(InboxFull) as refusal:
        await submit(bus, "s1", a_command())

    assert (refusal.value.waiting, refusal.value.maximum) == (64, 64)
    await submit(bus, "s1", a_command("turn.cancel"))
    await submit(bus, "s2", a_command())


async def test_a_full_store_says_that_it_is_full(nats_url):
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus, StorageLimits(commands_bytes=20_000))

        async def fill() -> None:
            for number in range(40):
                await submit(bus, f"s{number}", a_command(text="x" * 1000))

        with pytest.raises(StorageFull):
            await fill()


async def test_a_refused_command_goes_to_quarantine_and_the_next_is_applied(bus):
    coordinator = Coordinator(1)
    coordinator.problems["s1"] = [NoTurn(session_id="s1")]
    refused, good = a_command("turn.cancel"), a_command()
    await submit(bus, "s1", refused)
    await submit(bus, "s1", good)

    await coordinator.run_on(bus)

    (put_away,) = await Quarantine(bus).list(Wanted("coordinator"))
    assert (put_away.code, put_away.subject) == ("no_turn", "jido.session.s1.command.turn.cancel")
    assert put_away.body == refused.to_json()
    assert [each.envelope for each in coordinator.applied] == [good]


async def test_what_cannot_be_read_goes_to_quarantine_and_blocks_nothing(bus):
    await bus.store("jido.session.s1.command.message.submit", b"{broken", {}, 5.0)
    good = a_command()
    await submit(bus, "s1", good)
    coordinator = Coordinator(1)

    await coordinator.run_on(bus)

    (put_away,) = await Quarantine(bus).list()
    assert (put_away.code, put_away.body) == ("invalid_message", b"{broken")
    assert [each.envelope for each in coordinator.applied] == [good]


class Crowded(Coordinator):
    """Has no place for the first session until it has done something for the second."""

    async def apply(self, waiting: Waiting) -> None:
        await super().apply(waiting)
        if waiting.session_id == "s2":
            self.problems.clear()


async def test_a_retryable_refusal_waits_in_its_order_while_others_go_on(bus):
    coordinator = Crowded(3)
    coordinator.problems["s1"] = [SessionLimitReached(current=10, maximum=10)] * 1_000
    for session in ("s1", "s1", "s2"):
        await submit(bus, session, a_command())

    await coordinator.run_on(bus)

    sessions = [each.session_id for each in coordinator.applied]
    cursors = [each.cursor for each in coordinator.applied]
    assert (sessions, cursors) == (["s2", "s1", "s1"], [3, 1, 2])
    assert await Quarantine(bus).list() == ()


async def test_five_defects_put_a_command_away(bus, monkeypatch):
    monkeypatch.setattr("jidoka.bus.lanes.PAUSE_MOST_S", 0.01)
    coordinator = Coordinator(1)
    coordinator.problems["s1"] = [KeyError("defect")] * 5
    await submit(bus, "s1", a_command())
    gone = asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(coordinator.run_on(bus, gone))
        await _quarantined(bus)
        gone.set()

    (put_away,) = await Quarantine(bus).list()
    assert (put_away.code, coordinator.applied) == ("internal", [])


async def test_a_refusal_after_a_defect_puts_a_command_away_at_once(bus):
    coordinator = Coordinator(1)
    coordinator.problems["s1"] = [KeyError("defect"), NoTurn(session_id="s1")]
    await submit(bus, "s1", a_command("turn.cancel"))
    good = a_command()
    await submit(bus, "s1", good)

    await coordinator.run_on(bus)

    (put_away,) = await Quarantine(bus).list()
    assert put_away.code == "no_turn"
    assert [each.envelope for each in coordinator.applied] == [good]


@pytest.mark.parametrize("in_headers", [False, True])
async def test_a_message_as_large_as_the_broker_takes_blocks_nothing(bus, in_headers):
    most = bus.client.max_payload - 64
    body, headers = (b"", {"x": "y" * 65_000}) if in_headers else (b"x" * most, {})
    await bus.store("jido.session.s1.command.message.submit", body, headers, 5.0)
    good = a_command()
    await submit(bus, "s1", good)
    coordinator = Coordinator(1)

    await coordinator.run_on(bus)

    (put_away,) = await Quarantine(bus).list()
    assert put_away.code == ("invalid_message" if in_headers else "too_large")
    assert (put_away.size_bytes, len(put_away.body)) == (len(body), min(len(body), 1024 * 1024))
    assert [each.envelope for each in coordinator.applied] == [good]


async def test_a_coordinator_that_dies_with_commands_in_hand_loses_and_reorders_none(bus, nats_url):
    for number in range(6):
        await submit(bus, "s1", a_command(number=number))
    async with await connect(nats_url, name="dying") as dying:
        request = b'{"batch": 3}'
        inbox = dying.new_inbox()
        taken: asyncio.Queue = asyncio.Queue()
        await dying.subscribe(inbox, taken.put)
        await dying.publish(
            "$JS.API.CONSUMER.MSG.NEXT.JIDO_COMMANDS.coordinator", request, reply=inbox
        )
        for _ in range(3):
            await taken.get()  # and dies with them: nobody else is given them for 30 s

    coordinator = Coordinator(6)
    await coordinator.run_on(bus)

    assert [each.envelope.data["number"] for each in coordinator.applied] == [0, 1, 2, 3, 4, 5]


async def test_of_two_coordinators_one_works_and_the_other_takes_over(bus, nats_url):
    first, second = Coordinator(1), Coordinator(1)
    async with await connect(nats_url, name="other") as other, asyncio.TaskGroup() as tasks:
        one = tasks.create_task(Inbox(bus, first.apply, holder="one").run())
        await submit(bus, "s1", a_command(number=1))
        await first.enough.wait()
        await _empty(bus)  # else what it has done is not yet out of the stream
        two = tasks.create_task(Inbox(other, second.apply, holder="two").run())
        one.cancel()
        await submit(bus, "s1", a_command(number=2))

        await second.enough.wait()
        two.cancel()

    assert [each.envelope.data["number"] for each in (*first.applied, *second.applied)] == [1, 2]


async def test_commands_are_taken_on_after_the_broker_was_killed(durable_nats: NatsServer):
    async with await connect(durable_nats.url, name="test") as bus:
        await ensure(bus)
        coordinator, numbers = Coordinator(1), list[int]()

        async def apply(waiting: Waiting) -> None:
            numbers.append(waiting.envelope.data["number"])
            if numbers[-1] == 2:  # the first may come twice
                await coordinator.apply(waiting)

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(Inbox(bus, apply, holder="one").run())
            await submit(bus, "s1", a_command(number=1))
            await asyncio.to_thread(durable_nats.kill)
            await asyncio.to_thread(durable_nats.start)
            await submit(bus, "s1", a_command(number=2))
            async with asyncio.timeout(20):
                await coordinator.enough.wait()
            running.cancel()

    assert set(numbers) == {1, 2}
    assert numbers == sorted(numbers)


async def test_a_session_that_is_not_there_is_no_reason_to_stop(bus):
    coordinator = Coordinator(1)
    coordinator.problems["s1"] = [SessionNotFound(asked="s1")]
    await submit(bus, "s1", a_command())
    await submit(bus, "s2", a_command())

    await coordinator.run_on(bus)

    assert [each.session_id for each in coordinator.applied] == ["s2"]
    assert subjects.COMMANDS_DURABLE == "coordinator"
