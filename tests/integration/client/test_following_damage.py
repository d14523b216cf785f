"""Following a log of which something is missing: up to there, and then by name, never past it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.client import Client, Recorded
from jidoka.client.asking import new_id
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import LogDamaged
from jidoka.core.ports import Draft, Head

SESSION = "s" + "0" * 24
CREATED = e.SessionCreated(session_name="x", project_path="/p", llm=LlmConfig())


async def record(bus: Bus, head: Head, *contents: str) -> Head:
    """Record messages after `head`, whatever stands there, and the birth before the first."""
    told = [e.MessageAccepted(message_id=text, content=text) for text in contents]
    for event in [*([] if head.sequence else [CREATED]), *told]:
        draft = Draft(event, new_id(), "/test")
        head = (await NatsEventLog(bus).append(SESSION, draft, head))[-1].head
    return head


async def numbers(client: Client, after: int, *, seen: list[int]) -> list[int]:
    """Put the numbers of all that is there into `seen`."""
    async for item in client.subscribe_to_session(SESSION, after=after, to_the_end=True):
        assert isinstance(item, Recorded)
        seen.append(item.sequence)
    return seen


async def test_what_is_missing_is_named_and_what_follows_is_not_shown(client: Client, bus: Bus):
    head = await record(bus, Head(), "one", "two")
    await record(bus, replace(head, sequence=head.sequence + 2), "six", "seven")
    seen: list[int] = []

    with pytest.raises(LogDamaged) as found:
        await numbers(client, 0, seen=seen)

    assert (found.value.first, found.value.last) == (4, 5)
    assert seen == [1, 2, 3]
    assert await numbers(client, 5, seen=[]) == [6, 7]


async def test_what_was_altered_is_named(client: Client, bus: Bus):
    head = await record(bus, Head(), "one", "two")
    await record(bus, replace(head, digest="0" * 64), "three")

    with pytest.raises(LogDamaged) as found:
        await numbers(client, 0, seen=[])

    assert (found.value.first, found.value.last) == (3, 3)
    assert await numbers(client, 3, seen=[]) == [4]


async def test_a_strangers_message_passes_by(client: Client, bus: Bus):
    await record(bus, Head(), "one")
    await bus.store(f"jido.session.{SESSION}.event.note.left", b"hello", {}, 5)
    entries = [entry async for entry in NatsEventLog(bus).read(SESSION)]
    await record(bus, entries[-1].head, "two")

    seen = await numbers(client, 0, seen=[])

    assert seen == [1, 2, 4]
