"""What every event log does with what is not its own: strangers' messages, lost data, damage."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.memory import MemoryEventLog
from jidoka.contract import subjects
from jidoka.contract.envelope import GENESIS, digest_of
from jidoka.contract.errors import LogDamaged
from jidoka.contract.events import LlmResponded, UnknownEvent
from jidoka.core.ports import Head
from tests.support.drafts import a_draft, new_id
from tests.support.logs import Log, all_of, fill, store_raw


@pytest.fixture
def log(bus: Bus | None) -> Log:
    return NatsEventLog(bus) if bus else MemoryEventLog()


@pytest.fixture
def session_id() -> str:
    return f"s{new_id()}"


async def test_an_event_whose_data_is_lost_is_damage_for_who_reads_its_session(log, session_id):
    event = LlmResponded(turn_id="t", call_id="c", step=1, content="x" * 300_000, model="m")
    (start,) = await fill(log, session_id, 1)
    (large,) = await log.append(session_id, a_draft(event=event), start.head)
    await fill(log, session_id, 1, large.head)
    await log._blobs.delete(large.envelope.dataref)

    with pytest.raises(LogDamaged) as damage:
        await all_of(log, session_id)

    assert (damage.value.first, damage.value.last) == (2, 2)


async def test_an_event_whose_data_is_lost_holds_up_nobody_who_follows_all(log, session_id):
    reported = []
    log._on_unreadable = lambda _stored, problem: reported.append(problem.code)
    event = LlmResponded(turn_id="t", call_id="c", step=1, content="x" * 300_000, model="m")
    (large,) = await log.append(session_id, a_draft(event=event), Head())
    (behind,) = await fill(log, session_id, 1, large.head)
    await log._blobs.delete(large.envelope.dataref)

    async with aclosing(log.follow_all(large.head.cursor - 1)) as events:
        found = [(await anext(events))[1].event for _ in range(2)]

    assert found == [UnknownEvent("llm.responded", None), behind.event]
    assert reported == ["log_damaged"]


async def test_an_event_cannot_refer_to_the_data_of_another_session(log, bus, session_id):
    theirs = await log._blobs.put(f"s{new_id()}", b'{"title": "secret"}')
    body = (
        b'{"specversion":"1.0","id":"1","source":"/x","type":"jido.session.titled.v1",'
        b'"subject":"%s","dataref":"%s"}' % (session_id.encode(), theirs.ref.encode())
    )
    await store_raw(log, bus, subjects.session_event(session_id, "session.titled"), body)

    (found,) = await all_of(log, session_id)

    assert isinstance(found.event, UnknownEvent)
    assert found.envelope.data is None


async def test_what_cannot_be_read_is_counted_reported_and_passed(log, bus, session_id):
    unreadable = []
    log._on_unreadable = lambda stored, _problem: unreadable.append(stored.body)
    (start,) = await fill(log, session_id, 1)
    await store_raw(log, bus, subjects.session_event(session_id, "session.titled"), b"{not json")
    stray = (await all_of(log, session_id, start.head))[0]
    (behind,) = await log.append(session_id, a_draft("after"), stray.head)

    found = await all_of(log, session_id)

    assert [entry.sequence for entry in found] == [1, 2, 3]
    assert isinstance(found[1].event, UnknownEvent)
    assert found[2] == behind
    assert behind.envelope.prevhash == digest_of(b"{not json")
    assert set(unreadable) == {b"{not json"}


async def test_the_last_entry_has_its_number_even_behind_a_strangers_message(log, bus, session_id):
    await fill(log, session_id, 2)
    await store_raw(log, bus, subjects.session_event(session_id, "session.titled"), b"{}")

    last = await log.last(session_id)

    assert last is not None
    assert last.sequence == 3


async def test_a_type_of_a_later_version_passes_by(log, bus, session_id):
    body = (
        b'{"specversion":"1.0","id":"1","source":"/x","type":"jido.moon.landed.v1",'
        b'"sequence":"0000000001","prevhash":"%s","data":{"a":1}}' % GENESIS.encode()
    )
    await store_raw(log, bus, subjects.session_event(session_id, "moon.landed"), body)

    (found,) = await all_of(log, session_id)

    assert found.event == UnknownEvent("moon.landed", {"a": 1})


async def test_a_hole_in_the_numbers_is_damage_that_names_the_missing(log, bus, session_id):
    (start,) = await fill(log, session_id, 1)
    body = start.envelope.model_copy(update={"id": "x", "sequence": "0000000005"}).to_json()
    await store_raw(log, bus, subjects.session_event(session_id, "session.titled"), body)

    with pytest.raises(LogDamaged) as damage:
        await all_of(log, session_id)

    assert (damage.value.first, damage.value.last) == (2, 4)


async def test_an_event_that_does_not_carry_its_predecessors_hash_is_damage(log, bus, session_id):
    (start,) = await fill(log, session_id, 1)
    body = start.envelope.model_copy(update={"id": "x", "sequence": "0000000002"}).to_json()
    await store_raw(log, bus, subjects.session_event(session_id, "session.titled"), body)

    with pytest.raises(LogDamaged) as damage:
        await all_of(log, session_id)

    assert (damage.value.first, damage.value.last) == (1, 1)
