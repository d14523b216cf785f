"""A place in a long session is found by a few questions, whatever else the stream holds."""

from __future__ import annotations

import random

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.client import seeking
from jidoka.client.seeking import NEAR, Start, last, seek
from jidoka.contract import events as e
from jidoka.contract import subjects
from jidoka.contract.content import LlmConfig
from jidoka.core.ports import Draft, Head

SESSION, OTHER = "s" + "0" * 24, "s" + "1" * 24


class Writer:
    """Writes one session and remembers where each of its events went."""

    def __init__(self, bus: Bus, session_id: str) -> None:
        self.log, self.session_id = NatsEventLog(bus), session_id
        self.head = Head()
        self.cursors = [0]

    async def write(self, count: int) -> None:
        born = e.SessionCreated(session_name="long", project_path="/", llm=LlmConfig())
        for _ in range(count):
            number = self.head.sequence
            event = e.SessionTitled(title=f"title {number}") if number else born
            draft = Draft(event, f"{self.session_id}-{number}", "/test")
            self.head = (await self.log.append(self.session_id, draft, self.head))[-1].head
            self.cursors.append(self.head.cursor)


@pytest.mark.parametrize("bursts", ["alone", "even", "uneven"])
async def test_every_number_is_found_near_its_place_by_few_questions(bus, bursts, monkeypatch):
    writer, other = Writer(bus, SESSION), Writer(bus, OTHER)
    chance = random.Random(1)  # noqa: S311 - the same bursts in every run
    while writer.head.sequence < 400:
        await writer.write(5 if bursts != "uneven" else chance.choice((1, 40)))
        if bursts != "alone":
            await other.write(5 if bursts == "even" else chance.choice((1, 1, 80)))
    asked = _counted(monkeypatch)
    end = await last(bus, SESSION)

    found = [await seek(bus, SESSION, n, Start(), end) for n in range(end.sequence)]

    places = dict(zip(writer.cursors, range(len(writer.cursors)), strict=True))
    for number, cursor in enumerate(found):
        assert cursor <= writer.cursors[number]
        read_in_vain = sum(1 for each in places if cursor < each <= writer.cursors[number])
        assert read_in_vain <= NEAR
    assert len(asked) / len(found) < 8


async def test_a_message_without_a_number_ends_the_search_at_the_best_place_known(bus):
    writer = Writer(bus, SESSION)
    await writer.write(60)
    for _ in range(60):
        await bus.store(subjects.session_event(SESSION, "x.y"), b"{}", {}, 5)

    end = await last(bus, SESSION)
    cursor = await seek(bus, SESSION, 50, Start(), end)

    assert end == Start(60, 120)
    assert 0 <= cursor <= writer.cursors[50]


async def test_a_known_place_is_where_the_search_begins(bus, monkeypatch):
    writer = Writer(bus, SESSION)
    await writer.write(80)
    asked = _counted(monkeypatch)
    end = await last(bus, SESSION)

    cursor = await seek(bus, SESSION, 75, Start(74, writer.cursors[74]), end)

    assert cursor == writer.cursors[74]
    assert asked == []


def _counted(monkeypatch) -> list[int]:
    asked: list[int] = []
    real = seeking._first_from

    async def counted(bus: Bus, session_id: str, cursor: int) -> Start | None:
        asked.append(cursor)
        return await real(bus, session_id, cursor)

    monkeypatch.setattr(seeking, "_first_from", counted)
    return asked
