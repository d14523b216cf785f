"""What an owner's sessions may spend together, tokens and money, in a month or a day.

Whoever would go over the limit is refused before the call. What a call is going to take is not
known, so near the limit calls of one owner go one after the other: what is left has to be enough
for all that are out and one more, each as large as the largest so far. So a gateway passes a limit
by no more than what the calls that it has out take beyond that. Gateways tell each other what was
spent, but not what is out: with more of them it may be so much for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from jidoka.contract.content import Usage
from jidoka.contract.errors import BudgetExceeded
from jidoka.contract.internal import LlmAnswer, LlmCall, LlmSpent

Tell = Callable[[LlmSpent], Awaitable[None]]
Pay = Callable[[LlmAnswer], Awaitable[None]]
TOKENS: Final = "tokens"
MONEY: Final = "cost_usd"


@dataclass(slots=True)
class Purse:
    """What one owner has spent in this period."""

    spent: dict[str, float] = field(default_factory=lambda: {TOKENS: 0.0, MONEY: 0.0})
    largest: dict[str, float] | None = None
    """The most that a call took; None: none came back yet."""
    out: int = 0
    """Calls that are under way."""
    back: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, took: Mapping[str, float]) -> None:
        """Add what a call took."""
        before = self.largest or {}
        for kind, amount in took.items():
            self.spent[kind] += amount
        self.largest = {kind: max(before.get(kind, 0.0), took[kind]) for kind in took}

    def has_room(self, limits: Mapping[str, float]) -> bool:
        """Tell whether one call more may go now."""
        if not self.out:
            return True
        if self.largest is None:
            return False
        calls, largest = self.out + 1, self.largest
        return all(self.spent[kind] + calls * largest[kind] < limits[kind] for kind in limits)


def period_of(time: datetime, period: str) -> str:
    """Return the month or the day (UTC) of a time."""
    return time.strftime("%Y-%m" if period == "month" else "%Y-%m-%d")


class Purses:
    """The purses of all owners; without limits nothing is counted."""

    def __init__(
        self,
        limits: Mapping[str, float],
        *,
        period: str,
        source: str,
        tell: Tell,
        now: Callable[[], datetime],
    ) -> None:
        """`limits` by kind, the same for every owner."""
        self.limits = dict(limits)
        self.period = period
        self._source = source
        self._tell = tell
        self._now = now
        self.current = period_of(now(), period)
        self._purses: dict[str, Purse] = {}

    @asynccontextmanager
    async def opened(self, call: LlmCall) -> AsyncGenerator[Pay]:
        """Make a call inside this context, and pay for its answer with what is yielded.

        Raises:
            BudgetExceeded: the owner has nothing left.
        """
        if not self.limits:
            yield _free
            return
        purse = await self._admitted(call)
        purse.out += 1
        try:
            yield lambda answer: self._paid(call, answer)
        finally:
            purse.out -= 1
            purse.back.set()

    def heard_of(self, spent: LlmSpent) -> None:
        """Add what another gateway's call took."""
        if spent.source != self._source and self.limits:
            self._purse(spent.owner).add({TOKENS: spent.tokens, MONEY: spent.cost_usd})

    def spent_before(self, owner: str, usage: Usage | None, cost_usd: float | None) -> None:
        """Add what the log says of this period."""
        self._purse(owner).add(_took(usage, cost_usd))

    async def _admitted(self, call: LlmCall) -> Purse:
        while True:
            purse = self._purse(call.owner)
            limits = {kind: cap + call.raised.get(kind, 0.0) for kind, cap in self.limits.items()}
            for kind, limit in limits.items():
                if purse.spent[kind] >= limit:
                    used, cap = purse.spent[kind], self.limits[kind]
                    raise BudgetExceeded(kind=kind, used=used, limit=cap, scope="owner")
            if purse.has_room(limits):
                return purse
            purse.back.clear()
            await purse.back.wait()

    async def _paid(self, call: LlmCall, answer: LlmAnswer) -> None:
        took = _took(answer.usage, answer.cost_usd)
        self._purse(call.owner).add(took)
        spent = LlmSpent(
            source=self._source,
            owner=call.owner,
            tokens=int(took[TOKENS]),
            cost_usd=took[MONEY],
        )
        await self._tell(spent)

    def _purse(self, owner: str) -> Purse:
        current = period_of(self._now(), self.period)
        if current != self.current:
            self.current = current
            for purse in self._purses.values():
                purse.spent = {TOKENS: 0.0, MONEY: 0.0}
        return self._purses.setdefault(owner, Purse())


def _took(usage: Usage | None, cost_usd: float | None) -> dict[str, float]:
    tokens = usage.input_tokens + usage.output_tokens if usage else 0
    return {TOKENS: float(tokens), MONEY: cost_usd or 0.0}


async def _free(_answer: LlmAnswer) -> None:
    """Nobody counts."""
