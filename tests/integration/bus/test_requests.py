"""Questions and answers between two connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import BaseModel

from jidoka.bus.connection import Bus, connect
from jidoka.bus.requests import ask, serve
from jidoka.contract.errors import (
    Internal,
    InvalidMessage,
    NoHost,
    TimedOut,
    Unavailable,
)

SUBJECT = "jido.manager.test.ask"


class Question(BaseModel):
    number: int


class Other(BaseModel):
    word: str


class Double(BaseModel):
    number: int
    error: dict | None = None


@pytest.fixture
async def one(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="one") as bus:
        yield bus


@pytest.fixture
async def two(nats_url: str) -> AsyncIterator[Bus]:
    async with await connect(nats_url, name="two") as bus:
        yield bus


async def double(question: Question) -> Double:
    return Double(number=2 * question.number)


async def test_a_typed_question_has_a_typed_answer(one, two):
    async with serve(one, SUBJECT, Question, double):
        answer = await ask(two, SUBJECT, Question(number=21), Double, 20.0)

    assert answer == Double(number=42)


async def test_where_nobody_listens_it_is_unavailable_at_once(two):
    with pytest.raises(Unavailable):
        await ask(two, SUBJECT, Question(number=1), Double, 20.0)


async def test_without_an_answer_in_time_the_outcome_is_unknown(one, two):
    begun = asyncio.Event()

    async def never(_: Question) -> Double:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    service = serve(one, SUBJECT, Question, never)
    async with service:
        with pytest.raises(TimedOut):
            await ask(two, SUBJECT, Question(number=1), Double, 0.05)
        await begun.wait()
        for task in service._working:
            task.cancel()


async def test_what_a_handler_refuses_is_raised_on_the_other_side(one, two):
    async def refuse(_: Question) -> Double:
        raise NoHost(hosts=3, wanted="/p")

    async with serve(one, SUBJECT, Question, refuse):
        with pytest.raises(NoHost) as refusal:
            await ask(two, SUBJECT, Question(number=1), Double, 20.0)

    assert (refusal.value.hosts, refusal.value.wanted) == (3, "/p")


async def test_a_defect_of_a_handler_is_answered_without_its_details(one, two, caplog):
    async def broken(_: Question) -> Double:
        raise KeyError("secret")

    async with serve(one, SUBJECT, Question, broken):
        with pytest.raises(Internal) as defect:
            await ask(two, SUBJECT, Question(number=1), Double, 20.0)

    assert defect.value.incident in caplog.text
    assert "secret" not in defect.value.message


async def test_a_question_of_another_shape_is_refused_with_the_field(one, two):
    async with serve(one, SUBJECT, Question, double):
        with pytest.raises(InvalidMessage) as refusal:
            await ask(two, SUBJECT, Other(word="one"), Double, 20.0)

    assert refusal.value.problems[0]["path"] == "number"


async def test_a_slow_request_does_not_hold_up_the_next(one, two):
    second = asyncio.Event()

    async def first_waits_for_second(question: Question) -> Double:
        if question.number == 1:
            await second.wait()
        second.set()
        return await double(question)

    async with serve(one, SUBJECT, Question, first_waits_for_second):
        slow, quick = await asyncio.gather(
            ask(two, SUBJECT, Question(number=1), Double, 20.0),
            ask(two, SUBJECT, Question(number=2), Double, 20.0),
        )

    assert (slow.number, quick.number) == (2, 4)


async def test_a_service_that_ends_answers_what_it_has_begun(one, two):
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(question: Question) -> Double:
        begun.set()
        await go_on.wait()
        return await double(question)

    async with asyncio.TaskGroup() as tasks, serve(one, SUBJECT, Question, wait):
        asking = tasks.create_task(ask(two, SUBJECT, Question(number=4), Double, 20.0))
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)

    assert asking.result().number == 8
