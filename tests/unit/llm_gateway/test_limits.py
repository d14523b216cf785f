"""One wait at 429 for all sessions of a key."""

from __future__ import annotations

import asyncio

import pytest

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import (
    JidokaError,
    ProviderAuth,
    ProviderBadAnswer,
    ProviderRateLimited,
    ProviderUnavailable,
)
from jidoka.contract.internal import LlmCall, LlmLimit
from jidoka.llm.pieces import Route
from jidoka.llm_gateway.breaker import FAILURES, OPEN_S
from jidoka.llm_gateway.flights import Flight
from jidoka.llm_gateway.limits import FIRST_WAIT_S, ProviderLanes

ROUTE = Route("openai", "gpt", key_reference="env:A")
OTHER = Route("openai", "gpt", key_reference="env:B")
RESET_S = 0.05
SURELY_LATER_S = 1.0
"""Where a test looks before the reset, however busy the machine is."""


class Traffic:
    """Calls that go through lanes, and in which order they went."""

    def __init__(self, *, longest_wait_s: float = 5.0) -> None:
        self.told: list[LlmLimit] = []
        self.lanes = ProviderLanes("me", self._tell, longest_wait_s=longest_wait_s)
        self.went: list[str] = []
        self.first = asyncio.Event()

    async def _tell(self, limit: LlmLimit) -> None:
        self.told.append(limit)

    async def call(
        self,
        name: str,
        *,
        route: Route = ROUTE,
        error: JidokaError | None = None,
        until: asyncio.Event | None = None,
    ) -> str:
        """Go through the lane, be heard unless there is an error, and stay until told."""
        async with self.lanes.pass_through(route, flight(name)) as passage:
            self.went.append(name)
            self.first.set()
            if until is not None:
                await until.wait()
            if error is not None:
                raise error
            passage.heard()
            return name

    async def refused(self, wait_s: float | None = RESET_S, route: Route = ROUTE) -> None:
        """Have a provider say 429."""
        error = ProviderRateLimited(provider="openai", retry_after_s=wait_s)
        with pytest.raises(ProviderRateLimited):
            await self.call("refused", route=route, error=error)
        self.went.clear()
        self.first.clear()


def flight(name: str) -> Flight:
    call = LlmCall(call_id=name, session_id="s1", turn_id="t1", epoch=1, llm=LlmConfig())
    return Flight(call, 1)


async def settled() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_calls_park_until_the_reset_and_go_on_in_order():
    traffic = Traffic()
    await traffic.refused(SURELY_LATER_S)
    names = [f"call-{number}" for number in range(5)]

    tasks = [asyncio.create_task(traffic.call(name)) for name in names]
    await settled()
    before = list(traffic.went)
    await asyncio.gather(*tasks)

    assert before == []
    assert traffic.went == names


async def test_a_parked_call_says_so():
    traffic = Traffic()
    await traffic.refused(4.0)
    parked = flight("a")

    async def go() -> None:
        async with traffic.lanes.pass_through(ROUTE, parked):
            pass

    task = asyncio.create_task(go())
    await settled()

    assert parked.state == "parked"
    task.cancel()


async def test_the_first_after_a_reset_goes_alone_until_it_is_heard():
    traffic = Traffic()
    await traffic.refused()
    hold = asyncio.Event()
    tasks = [asyncio.create_task(traffic.call(name, until=hold)) for name in "abc"]
    async with asyncio.timeout(5):
        await traffic.first.wait()
    await settled()

    assert traffic.went == ["a"]
    hold.set()
    await asyncio.gather(*tasks)
    assert traffic.went == ["a", "b", "c"]


async def test_if_the_first_is_sent_away_again_all_wait_for_the_new_reset():
    traffic = Traffic()
    await traffic.refused()
    again = ProviderRateLimited(provider="openai", retry_after_s=SURELY_LATER_S)

    first = asyncio.create_task(traffic.call("a", error=again))
    second = asyncio.create_task(traffic.call("b"))
    with pytest.raises(ProviderRateLimited):
        await first
    await settled()
    before = list(traffic.went)
    await second

    assert before == ["a"]
    assert traffic.went == ["a", "b"]


@pytest.mark.parametrize(
    "error", [ProviderAuth(provider="openai"), ProviderBadAnswer(provider="openai", reason="x")]
)
async def test_if_the_first_fails_otherwise_the_next_goes_first(error: JidokaError):
    traffic = Traffic()
    await traffic.refused()

    first = asyncio.create_task(traffic.call("a", error=error))
    second = asyncio.create_task(traffic.call("b"))
    outcomes = await asyncio.gather(first, second, return_exceptions=True)

    assert outcomes == [error, "b"]


async def test_a_cancelled_call_keeps_nobody_behind_it():
    traffic = Traffic()
    await traffic.refused()
    first = asyncio.create_task(traffic.call("a"))
    second = asyncio.create_task(traffic.call("b"))
    await settled()

    first.cancel()

    assert await second == "b"


async def test_another_key_of_the_same_provider_does_not_wait():
    traffic = Traffic()
    await traffic.refused(60.0)

    assert await traffic.call("a", route=OTHER) == "a"


async def test_a_reset_that_is_far_away_is_the_workers_to_wait_for():
    traffic = Traffic(longest_wait_s=1.0)
    await traffic.refused(60.0)

    with pytest.raises(ProviderRateLimited) as refused:
        await traffic.call("a")

    assert refused.value.retry_after_s is not None
    assert refused.value.retry_after_s > 50


async def test_a_provider_that_does_not_say_how_long_is_left_alone_for_a_moment():
    traffic = Traffic()

    await traffic.refused(None)

    assert [limit.wait_s for limit in traffic.told] == [FIRST_WAIT_S]


async def test_other_gateways_are_told_and_heard():
    here, there = Traffic(), Traffic(longest_wait_s=0.0)
    await here.refused(60.0)

    there.lanes.heard_of(here.told[0].model_copy(update={"source": "another"}))

    with pytest.raises(ProviderRateLimited):
        await there.call("a")


async def test_what_this_gateway_told_itself_changes_nothing():
    traffic = Traffic(longest_wait_s=0.0)

    traffic.lanes.heard_of(LlmLimit(source="me", lane=ROUTE.lane, wait_s=60))

    assert await traffic.call("a") == "a"


async def test_a_provider_that_failed_too_often_is_left_alone():
    traffic = Traffic()
    down = ProviderUnavailable(provider="openai", status=500)
    for _ in range(FAILURES):
        with pytest.raises(ProviderUnavailable):
            await traffic.call("x", error=down)
    traffic.went.clear()

    with pytest.raises(ProviderUnavailable) as refused:
        await traffic.call("y")

    assert traffic.went == []
    assert refused.value.retry_after_s == pytest.approx(OPEN_S, abs=5.0)
    assert await traffic.call("z", route=OTHER) == "z"


async def test_a_script_that_says_429_parks_nobody():
    traffic = Traffic()
    scripted = Route("scripted", "s.json")
    await traffic.refused(60.0, route=scripted)

    assert await traffic.call("a", route=scripted) == "a"
