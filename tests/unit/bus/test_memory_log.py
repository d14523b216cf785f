"""The log under any order of writers, retries and losses, where thousands of orders are cheap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.bus.integrity import compare, examine
from jidoka.bus.memory import MemoryEventLog
from jidoka.contract.errors import LogDamaged, StaleSequence
from jidoka.core.ports import Draft, Head
from tests.support.drafts import a_draft

steps = st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), max_size=40)
"""Who writes, whether the acknowledgement is lost, whether it tries the same draft again."""


@given(steps)
async def test_writers_that_retry_and_lose_answers_store_each_draft_once_in_one_order(plan):
    log, heads = MemoryEventLog(), [Head(), Head(), Head()]
    drafts: list[Draft] = [a_draft("0"), a_draft("1"), a_draft("2")]
    stored: set[str] = set()
    for who, lost, again in plan:
        draft, expected = drafts[who], heads[who]
        try:
            tail = await log.append("s1", draft, expected)
            stored.add(draft.event_id)
            if not lost:
                heads[who], drafts[who] = tail[-1].head, a_draft(f"{who}")
            elif again:
                assert draft.event_id in {
                    e.envelope.id for e in await log.append("s1", draft, expected)
                }
        except StaleSequence as stale:
            heads[who] = stale.tail[-1].head

    entries = [entry async for entry in log.read("s1")]
    ids = [entry.envelope.id for entry in entries]
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    assert sorted(ids) == sorted(stored)


async def filled(count: int) -> tuple[MemoryEventLog, Head]:
    log, head = MemoryEventLog(), Head()
    for number in range(count):
        head = (await log.append("s1", a_draft(f"{number}"), head))[-1].head
    return log, head


@pytest.mark.parametrize("kept", [0, 1, 9])
async def test_the_end_that_a_log_has_lost_is_named(kept):
    log, mark = await filled(10)
    log.cut("s1", kept)

    for find in (compare(log, {"s1": mark}), examine(log, ["s1"], {"s1": mark})):
        damage = (await find)["s1"]
        assert isinstance(damage, LogDamaged)
        assert (damage.first, damage.last) == (kept + 1, 10)


async def test_a_follower_of_a_log_that_lost_its_end_is_told():
    log, _ = await filled(3)
    entries = log.follow("s1")
    for _ in range(3):
        await anext(entries)

    log.cut("s1", 2)

    with pytest.raises(LogDamaged):
        await anext(entries)
