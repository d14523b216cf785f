"""The sessions of one owner do not spend more together than they may, but for what is out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jidoka.contract.content import LlmConfig, Usage
from jidoka.contract.errors import BudgetExceeded
from jidoka.contract.internal import LlmAnswer, LlmCall, LlmSpent
from jidoka.llm_gateway.purse import MONEY, TOKENS, Purses


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 31, 23, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Told:
    heard: list[LlmSpent] = field(default_factory=list)

    async def __call__(self, spent: LlmSpent) -> None:
        self.heard.append(spent)


def purses(limits: dict[str, float], clock: Clock | None = None, told: Told | None = None):
    return Purses(limits, period="month", source="a", tell=told or Told(), now=clock or Clock())


def call(owner: str = "ada", **raised: float) -> LlmCall:
    return LlmCall(
        call_id="c",
        session_id="s",
        turn_id="t",
        epoch=1,
        owner=owner,
        llm=LlmConfig(),
        raised=raised,
    )


def answer(usd: float | None, tokens: int = 10) -> LlmAnswer:
    usage = Usage(input_tokens=tokens, output_tokens=0)
    return LlmAnswer(call_id="c", usage=usage, cost_usd=usd)


async def spend(all_purses: Purses, usd: float | None, owner: str = "ada", **raised: float) -> None:
    async with all_purses.opened(call(owner, **raised)) as pay:
        await asyncio.sleep(0)
        await pay(answer(usd))


async def test_who_has_spent_the_limit_is_refused_with_the_numbers():
    some = purses({MONEY: 1.0})
    await spend(some, 1.25)

    with pytest.raises(BudgetExceeded) as refused:
        await spend(some, 0.1)

    error = refused.value
    assert (error.kind, error.used, error.limit, error.scope) == (MONEY, 1.25, 1.0, "owner")


async def test_another_owner_has_a_purse_of_their_own():
    some = purses({MONEY: 1.0})
    await spend(some, 1.25)

    await spend(some, 0.1, owner="bob")


async def test_tokens_are_counted_too():
    some = purses({TOKENS: 20})
    await spend(some, None)
    await spend(some, None)

    with pytest.raises(BudgetExceeded, match="tokens"):
        await spend(some, None)


async def test_what_was_raised_in_a_session_is_its_own():
    some = purses({MONEY: 1.0})
    await spend(some, 1.25)

    await spend(some, 0.1, cost_usd=0.5)

    with pytest.raises(BudgetExceeded):
        await spend(some, 0.1, cost_usd=0.2)


async def test_a_new_month_begins_with_nothing_spent():
    clock = Clock()
    some = purses({MONEY: 1.0}, clock)
    await spend(some, 1.25)

    clock.now = datetime(2026, 2, 1, tzinfo=UTC)

    await spend(some, 0.1)


async def test_what_another_gateway_spent_counts_and_ones_own_counts_once():
    told = Told()
    some = purses({MONEY: 1.0}, told=told)
    await spend(some, 0.5)

    for spent in (*told.heard, LlmSpent(source="b", owner="ada", tokens=1, cost_usd=0.4)):
        some.heard_of(spent)
    await spend(some, 0.2)

    with pytest.raises(BudgetExceeded):
        await spend(some, 0.1)


async def test_what_the_log_knows_counts():
    some = purses({MONEY: 1.0})
    some.spent_before("ada", None, 1.0)

    with pytest.raises(BudgetExceeded):
        await spend(some, 0.1)


async def test_without_limits_nothing_is_counted_or_told():
    told = Told()
    some = purses({}, told=told)

    await asyncio.gather(*(spend(some, 100.0) for _ in range(20)))

    assert told.heard == []


async def test_a_call_that_fails_lets_the_next_one_go():
    some = purses({MONEY: 1.0})
    entered = asyncio.Event()

    async def failing() -> None:
        async with some.opened(call()):
            entered.set()
            await asyncio.sleep(0.01)
            raise ConnectionError

    first = asyncio.create_task(failing())
    await entered.wait()
    await spend(some, 0.1)

    with pytest.raises(ConnectionError):
        await first


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0.01, 0.5), min_size=1, max_size=40),
    st.floats(0.5, 5.0),
)
def test_sessions_at_once_pass_the_limit_by_one_call_at_most(costs: list[float], limit: float):
    some = purses({MONEY: limit})
    spent: list[float] = []

    async def one(usd: float) -> None:
        try:
            await spend(some, usd)
        except BudgetExceeded:
            return
        spent.append(usd)

    async def together() -> None:
        await asyncio.gather(*(one(usd) for usd in sorted(costs, reverse=True)))

    asyncio.run(together())

    # sorted, so none takes more than the largest so far: then only the last one can go beyond
    assert sum(spent) - max(spent) < limit + 1e-9
    assert sum(spent) >= min(limit, sum(costs)) - 1e-9
