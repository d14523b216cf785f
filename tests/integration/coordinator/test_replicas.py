"""Several replicas: any of them answers, any of them may die, and the log holds it all once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NoAnswer

from tests.support.coordinator import (
    CoordinatorProcess,
    Sessions,
    Stranger,
    a_log,
    a_stranger,
    starting_coordinator,
)
from tests.support.nats import NatsServer

SESSIONS = [f"s{number}" for number in range(5)]
Replicas = tuple[CoordinatorProcess, CoordinatorProcess]


@pytest.fixture
async def replicas(nats_url: str, tmp_path: Path) -> AsyncIterator[Replicas]:
    """Two replicas that listen."""
    with (
        starting_coordinator(nats_url, tmp_path / "one") as one,
        starting_coordinator(nats_url, tmp_path / "other") as other,
    ):
        await asyncio.gather(one.ready(), other.ready())
        yield one, other


async def insist(stranger: Stranger, session_id: str, text: str) -> dict[str, Any]:
    """Send one message, again and again with the same id, until it is answered."""
    while True:
        event = {"session_id": session_id, "content": text}
        try:
            asking = stranger.ask("message.submit", event, command_id=f"{session_id}-{text}")
            answer = await asyncio.wait_for(asking, 1)
        except (TimeoutError, NoAnswer, NoRespondersError):
            continue
        return answer["data"]


def expected(count: int) -> dict[str, list[str]]:
    return {session_id: sorted(f"m{n}" for n in range(count)) for session_id in SESSIONS}


async def recorded(sessions: Sessions) -> dict[str, list[str]]:
    return {session_id: sorted(await sessions.said(session_id)) for session_id in SESSIONS}


async def test_a_hundred_messages_at_once_are_neither_lost_nor_crossed(
    replicas: Replicas, stranger: Stranger, sessions: Sessions
):
    for session_id in SESSIONS:
        await sessions.create(session_id)

    answers = await asyncio.gather(
        *(stranger.say(each, f"m{n}") for n in range(20) for each in SESSIONS)
    )

    numbers = {(answer["session_id"], answer["sequence"]) for answer in answers}
    assert len(numbers) == 100
    assert await recorded(sessions) == expected(20)
    events = await sessions.events("s0")
    assert [int(event["sequence"]) for event in events] == list(range(1, 24))


async def test_another_replica_that_never_saw_the_first_answers_the_same(
    nats_url: str, tmp_path: Path, stranger: Stranger, sessions: Sessions
):
    await _with_a_replica(nats_url, tmp_path / "a", lambda: sessions.create("s1"))
    first = await _with_a_replica(
        nats_url, tmp_path / "b", lambda: stranger.say("s1", "hi", command_id="m1")
    )

    again = await _with_a_replica(
        nats_url, tmp_path / "c", lambda: stranger.say("s1", "hi", command_id="m1")
    )

    assert again == first
    assert await sessions.said("s1") == ["hi"]


async def test_the_broker_s_own_memory_of_ids_is_not_what_keeps_a_command_single(
    nats_url: str, tmp_path: Path, stranger: Stranger, sessions: Sessions
):
    async def short_memory() -> None:
        info = await sessions.log._bus.api("STREAM.INFO.JIDO_EVENTS")
        forgetful = info["config"] | {"duplicate_window": 100_000_000}  # 0.1 s
        await sessions.log._bus.api("STREAM.UPDATE.JIDO_EVENTS", forgetful)
        await sessions.create("s1")

    async def twice() -> tuple[dict[str, Any], dict[str, Any]]:
        await short_memory()
        first = await stranger.say("s1", "hi", command_id="m1")
        for number in range(20):
            await stranger.say("s1", f"{number}")
        await asyncio.sleep(0.15)  # the broker forgets the first one's id
        return first, await stranger.say("s1", "hi", command_id="m1")

    first, again = await _with_a_replica(nats_url, tmp_path / "a", twice)

    assert again == first
    assert (await sessions.said("s1")).count("hi") == 1


async def test_a_replica_killed_in_the_middle_costs_nothing(
    replicas: Replicas, stranger: Stranger, sessions: Sessions
):
    for session_id in SESSIONS:
        await sessions.create(session_id)
    one, other = replicas
    asking = [
        asyncio.create_task(insist(stranger, each, f"m{n}")) for n in range(12) for each in SESSIONS
    ]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)

    one.kill()
    answers = await asyncio.gather(*asking)

    assert not [answer for answer in answers if "code" in answer]
    assert await recorded(sessions) == expected(12)
    assert other.process.poll() is None


async def test_a_replica_asked_to_leave_answers_what_it_has_taken(
    replicas: Replicas, stranger: Stranger, sessions: Sessions
):
    for session_id in SESSIONS:
        await sessions.create(session_id)
    one, _ = replicas
    asking = [
        asyncio.create_task(stranger.say(each, f"m{n}")) for n in range(12) for each in SESSIONS
    ]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)

    exit_code = await one.terminate()
    answers = await asyncio.gather(*asking)

    assert exit_code == 0
    assert not [answer for answer in answers if "code" in answer]
    assert await recorded(sessions) == expected(12)


async def test_a_replica_goes_on_when_the_broker_comes_back(
    durable_nats: NatsServer, tmp_path: Path
):
    with starting_coordinator(durable_nats.url, tmp_path / "one") as replica:
        await replica.ready()
        async with a_log(durable_nats.url) as sessions:
            for session_id in SESSIONS:
                await sessions.create(session_id)
        async with a_stranger(durable_nats.url) as stranger:
            await insist(stranger, "s0", "before")
            durable_nats.kill()
            durable_nats.start()
            await insist(stranger, "s0", "after")
        async with a_log(durable_nats.url) as sessions:
            said = await sessions.said("s0")

    assert said == ["before", "after"]


async def _with_a_replica(nats_url: str, home: Path, act: Any) -> Any:
    """Do something while a replica of its own runs, and kill that afterwards."""
    with starting_coordinator(nats_url, home) as replica:
        await replica.ready()
        return await act()


@pytest.mark.parametrize("harm", [NatsServer.kill, NatsServer.freeze], ids=["gone", "deaf"])
async def test_a_replica_leaves_in_good_order_though_the_broker_is(
    harm: Callable[[NatsServer], None], nats_server: NatsServer, tmp_path: Path
):
    with starting_coordinator(nats_server.url, tmp_path / "one") as replica:
        await replica.ready()
        harm(nats_server)

        exit_code = await replica.terminate(within_s=20)

    assert exit_code == 0
    assert "Traceback" not in replica.log
