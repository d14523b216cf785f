"""What every event log promises, on NATS and in memory."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.memory import MemoryEventLog
from jidoka.contract import subjects
from jidoka.contract.envelope import GENESIS
from jidoka.contract.errors import StaleSequence
from jidoka.contract.events import LlmResponded, SessionTitled
from jidoka.core.ports import Entry, Head
from tests.support.drafts import a_draft, new_id
from tests.support.logs import Log, all_of, append_somehow, fill, first


@pytest.fixture
def log(bus: Bus | None) -> Log:
    return NatsEventLog(bus) if bus else MemoryEventLog()


@pytest.fixture
def session_id() -> str:
    return f"s{new_id()}"


async def test_what_is_appended_is_read_back_in_order_with_its_number(log, session_id):
    written = await fill(log, session_id, 5)

    found = await all_of(log, session_id)

    assert found == written
    assert [entry.sequence for entry in found] == [1, 2, 3, 4, 5]


async def test_an_unknown_session_has_an_empty_log(log, session_id):
    found = await all_of(log, session_id)

    assert (found, await log.last(session_id)) == ([], None)


async def test_each_event_carries_the_hash_of_the_one_before(log, session_id):
    await fill(log, session_id, 3)

    found = await all_of(log, session_id)

    hashes = [GENESIS, *(entry.head.digest for entry in found)]
    assert [entry.envelope.prevhash for entry in found] == hashes[:-1]


async def test_an_envelope_says_who_when_what_and_why(log, session_id):
    draft = a_draft("hello")

    (entry,) = await log.append(session_id, draft, Head())
    (found,) = await all_of(log, session_id)

    envelope = found.envelope
    assert (envelope.id, envelope.source) == (draft.event_id, draft.source)
    assert (envelope.subject, envelope.type) == (session_id, "jido.session.titled.v1")
    assert (envelope.sequence, envelope.time) == ("0000000001", entry.envelope.time)
    assert found.event == draft.event


async def test_the_last_entry_is_found_without_reading_the_others(log, session_id):
    written = await fill(log, session_id, 4)

    assert await log.last(session_id) == written[-1]


async def test_reading_goes_on_after_any_entry(log, session_id):
    written = await fill(log, session_id, 6)

    for entry in written:
        assert await all_of(log, session_id, entry.head) == written[entry.sequence :]


async def test_whoever_expects_an_old_head_is_refused_and_told_what_is_new(log, session_id):
    (start,) = await fill(log, session_id, 1)
    news = await fill(log, session_id, 2, start.head)

    with pytest.raises(StaleSequence) as refusal:
        await log.append(session_id, a_draft("late"), start.head)

    assert list(refusal.value.tail) == news
    assert (refusal.value.expected, refusal.value.actual) == (
        start.head.cursor,
        news[-1].head.cursor,
    )


async def test_the_same_id_again_is_stored_once_even_with_others_behind_it(log, session_id):
    draft = a_draft("mine")
    (mine,) = await log.append(session_id, draft, Head())
    others = await fill(log, session_id, 2, mine.head)

    again = await log.append(session_id, draft, Head())

    assert list(again) == [mine, *others]
    assert len(await all_of(log, session_id)) == 3


async def test_of_many_who_claim_a_new_session_one_wins(log, session_id):
    claims = [log.append(session_id, a_draft(f"{n}"), Head()) for n in range(20)]

    results = await asyncio.gather(*claims, return_exceptions=True)

    assert sum(isinstance(result, tuple) for result in results) == 1
    assert sum(isinstance(result, StaleSequence) for result in results) == 19


async def test_the_events_of_another_session_are_not_seen(log, session_id):
    other = f"s{new_id()}"
    written = await fill(log, session_id, 2)
    await fill(log, other, 3)

    assert await all_of(log, session_id) == written


async def test_following_shows_what_was_and_then_what_comes(log, session_id):
    written = await fill(log, session_id, 3)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(first(log, session_id, 6))
        written += await fill(log, session_id, 3, written[-1].head)

    assert following.result() == written


async def test_following_from_the_head_shows_only_what_comes(log, session_id):
    written = await fill(log, session_id, 3)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(first(log, session_id, 2, written[-1].head))
        news = await fill(log, session_id, 2, written[-1].head)

    assert following.result() == news


async def test_twenty_who_join_at_random_see_the_same_while_two_write(log, session_id):
    count, dice = 150, random.Random(7)  # noqa: S311 - the same joiners every time

    async def write(name: str) -> None:
        head = Head()
        for number in range(count):
            head = await append_somehow(log, session_id, f"{name} {number}", head)

    async def join(after: int) -> list[Entry]:
        await first(log, session_id, max(after, 1))
        return await first(log, session_id, 2 * count)

    async with asyncio.TaskGroup() as tasks:
        joiners = [tasks.create_task(join(dice.randrange(2 * count))) for _ in range(20)]
        for name in ("a", "b"):
            tasks.create_task(write(name))

    seen = [joiner.result() for joiner in joiners]
    assert [entry.sequence for entry in seen[0]] == list(range(1, 2 * count + 1))
    assert all(each == seen[0] for each in seen)


async def test_a_large_event_comes_back_whole(log, session_id):
    text = "å" * 300_000
    event = LlmResponded(turn_id="t", call_id="c", step=1, content=text, model="m")

    (entry,) = await log.append(session_id, a_draft(event=event), Head())
    (found,) = await all_of(log, session_id)

    assert found.event == event
    assert found.envelope.dataref is not None
    assert found.head == entry.head


async def test_all_sessions_are_followed_from_any_cursor(log):
    ids = [f"s{new_id()}" for _ in range(3)]
    written = [(each, entry) for each in ids for entry in await fill(log, each, 2)]
    before = written[0][1].head.cursor - 1

    found = []
    async with aclosing(log.follow_all(before)) as events:
        async for session_id, entry in events:
            found.append((session_id, entry))
            if len(found) == len(written):
                break

    assert found == written


async def test_following_all_can_be_narrowed_to_one_kind(log, session_id):
    await fill(log, session_id, 2)
    raw = subjects.session_event(session_id, "session.titled")

    async with aclosing(log.follow_raw(0, raw)) as messages:
        stored = await anext(messages)

    assert stored.subject == raw
    assert b'"title":"0"' in stored.body


async def test_nulls_of_the_data_are_kept(log, session_id):
    event = LlmResponded(turn_id="t", call_id="c", step=1, content="", model="m")
    await log.append(session_id, a_draft(event=event), Head())

    (found,) = await all_of(log, session_id)

    assert found.envelope.data["usage"] is None
    assert isinstance(found.event, LlmResponded)


def test_the_drafts_of_tests_differ():
    assert a_draft().event_id != a_draft().event_id
    assert a_draft("x").event == SessionTitled(title="x")
