"""Which deltas a follower is given, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from jidoka.client.following import _Merge as Merge
from jidoka.client.following import merged
from jidoka.client.items import Item, Recorded, Shown
from jidoka.contract import events as e
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import Unavailable
from jidoka.contract.live import Delta

ENVELOPE = Envelope(id="1", source="/test", type="jido.test.ed.v1")


def text(call_id: str) -> Shown:
    return Shown("s", "text", Delta(turn_id="t", call_id=call_id, offset=0, text="x"), 1)


def answered(call_id: str, sequence: int) -> Recorded:
    event = e.LlmResponded(turn_id="t", call_id=call_id, step=1, model="m")
    return Recorded("s", sequence, event, ENVELOPE)


def test_deltas_wait_for_the_beginning_of_their_call_so_that_what_was_before_it_comes_first():
    merge = Merge(head=0, seen=0)
    started = Recorded("s", 1, e.TurnStarted(turn_id="t", message_ids=("m",)), ENVELOPE)
    requested = Recorded(
        "s", 2, e.LlmRequested(turn_id="t", call_id="a", step=1, model="m"), ENVELOPE
    )

    taken = [merge.take(item) for item in (started, text("a"), requested, text("a"))]

    assert taken == [[started], [], [requested, text("a")], [text("a")]]


def test_deltas_of_a_turn_that_was_not_seen_to_start_are_handed_on():
    merge = Merge(head=4, seen=4)

    assert merge.take(text("a")) == [text("a")]


def test_deltas_wait_until_the_history_has_been_read():
    merge = Merge(head=2, seen=0)

    early = merge.take(text("running"))
    first = merge.take(answered("a", 1))
    second = merge.take(answered("b", 2))

    assert early == []
    assert first == [answered("a", 1)]
    assert second == [answered("b", 2), text("running")]


def test_deltas_of_calls_that_have_ended_are_dropped():
    merge = Merge(head=1, seen=0)

    held = merge.take(text("a"))
    history = merge.take(answered("a", 1))
    late = merge.take(text("a"))
    new = merge.take(text("b"))

    assert (held, history, late, new) == ([], [answered("a", 1)], [], [text("b")])


def test_without_history_deltas_pass_at_once():
    merge = Merge(head=3, seen=3)

    assert merge.take(text("a")) == [text("a")]


async def test_what_is_there_is_not_waited_for_without_end():
    ended: list[str] = []

    async def one_and_no_more() -> AsyncGenerator[Item]:
        try:
            yield answered("a", 1)
            await asyncio.Event().wait()
        finally:
            ended.append("source")

    async with aclosing(merged([one_and_no_more()], asyncio.Event(), 0.05)) as items:
        first = await anext(items)
        with pytest.raises(Unavailable) as caught:
            await anext(items)

    assert first == answered("a", 1)
    assert caught.value.why == "nothing more of its log came for 0.05 s"
    assert ended == ["source"]
