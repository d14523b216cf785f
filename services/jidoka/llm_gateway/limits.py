"""Who may ask a provider now: one wait at 429 for all sessions of a key, and a circuit breaker.

A lane is a provider's server under one key. When it says 429, all calls of the lane park until the
reset, in the order in which they came. Then the first goes alone; once it is heard the others
follow, and if it is sent away again, all wait for the new reset. Other gateways are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from jidoka.contract.errors import ProviderRateLimited, ProviderTimeout, ProviderUnavailable
from jidoka.contract.internal import LlmLimit
from jidoka.llm.pieces import Route
from jidoka.llm_gateway.breaker import OPEN_S, Breaker
from jidoka.llm_gateway.flights import Flight
from jidoka.llm_gateway.routing import OWN

log = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 120.0
"""A call parks at most so long here; then it fails, and its worker waits in the log."""
FIRST_WAIT_S: Final = 1.0
LONGEST_GUESS_S: Final = 30.0
"""Where a provider does not say how long: 1 s, then twice as long each time, up to this."""

LONGEST_TOLD_S: Final = 3_600.0
MOST_LANES: Final = 1_024

Tell = Callable[[LlmLimit], Awaitable[None]]
"""Tells the other gateways."""


@dataclass(slots=True)
class _Lane:
    breaker: Breaker = field(default_factory=Breaker)
    parked_until: float | None = None
    """On the loop's clock; None: everyone may go."""
    refusals: int = 0
    """How many times in a row it said 429."""
    first: object | None = None
    """The call that went alone after the reset, as long as nothing was heard."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque[asyncio.Future[None]])
    timer: asyncio.TimerHandle | None = None

    @property
    def is_special(self) -> bool:
        """Whether it differs from a new one."""
        return self.parked_until is not None or bool(self.waiting or self.breaker.failures)


class Passage:
    """One call's way through its lane."""

    def __init__(self, lane: _Lane, lanes: ProviderLanes) -> None:
        self.tries = False
        """Whether it goes to see if a provider that failed is back."""
        self._lane = lane
        self._lanes = lanes

    def heard(self) -> None:
        """Note that the provider answers: those who wait behind this call may follow."""
        lane = self._lane
        lane.breaker.heard()
        if lane.parked_until is not None and lane.first is self:
            self._lanes.open(lane)


class ProviderLanes:
    """All lanes of this gateway."""

    def __init__(
        self,
        source: str,
        tell: Tell,
        *,
        longest_wait_s: float = LONGEST_WAIT_S,
        open_s: float = OPEN_S,
    ) -> None:
        self._source = source
        self._lanes: dict[str, _Lane] = {}
        self._tell = tell
        self._longest_wait_s = longest_wait_s
        self._open_s = open_s

    @asynccontextmanager
    async def pass_through(self, route: Route, flight: Flight) -> AsyncGenerator[Passage]:
        """Call a provider inside this context.

        Raises:
            ProviderRateLimited: it asks to wait longer than a call parks.
            ProviderUnavailable: it failed too often just now.
        """
        lane = _Lane() if route.provider in OWN else self._lane(route.lane)
        passage = Passage(lane, self)
        await self._admitted(lane, passage, route, flight)
        try:
            yield passage
        except ProviderRateLimited as limited:
            await self._refused(lane, route, limited.retry_after_s)
            raise
        except (ProviderUnavailable, ProviderTimeout):
            if lane.breaker.failed(_now()):
                log.warning("%s failed too often and is left alone for a while", route.name)
            raise
        finally:
            self._left(lane, passage)

    def heard_of(self, limit: LlmLimit) -> None:
        """Let all calls of a lane wait, as another gateway was told to."""
        if limit.source != self._source:
            self._park(self._lane(limit.lane), limit.wait_s)

    def open(self, lane: _Lane) -> None:
        """Let everyone go, in the order in which they came."""
        lane.parked_until, lane.refusals, lane.first = None, 0, None
        while lane.waiting:
            _release(lane.waiting.popleft())

    async def _admitted(self, lane: _Lane, passage: Passage, route: Route, flight: Flight) -> None:
        while lane.parked_until is not None and lane.first is not passage:
            if lane.parked_until - _now() > self._longest_wait_s:
                raise self._too_long(lane, route)
            await self._parked(lane, passage, route, flight)
        if not lane.breaker.admits(_now()):
            wait_s = round(lane.breaker.wait_s(_now()), 3)
            raise ProviderUnavailable(provider=route.provider, retry_after_s=wait_s)
        passage.tries = lane.breaker.trying

    async def _parked(self, lane: _Lane, passage: Passage, route: Route, flight: Flight) -> None:
        """Return when it is this call's turn: to go first, or with all others."""
        mine = asyncio.get_running_loop().create_future()
        lane.waiting.append(mine)
        flight.state = "parked"
        self._next(lane)
        try:
            async with asyncio.timeout(self._longest_wait_s):
                await mine
        except BaseException as problem:
            if mine in lane.waiting:
                lane.waiting.remove(mine)
            if lane.first is mine:
                self._pass_on(lane)
            if isinstance(problem, TimeoutError):
                raise self._too_long(lane, route) from None
            raise
        finally:
            flight.state = "running"
        if lane.first is mine:
            lane.first = passage

    def _pass_on(self, lane: _Lane) -> None:
        """Let another go first."""
        lane.first = None
        self._next(lane)

    def _next(self, lane: _Lane) -> None:
        """Let the first of those who wait go, if the reset has come and nobody is out."""
        if lane.parked_until is None or lane.first is not None:
            return
        if _now() < lane.parked_until:
            self._set_timer(lane, lane.parked_until)
            return
        while lane.waiting:
            mine = lane.waiting.popleft()
            if not mine.done():
                lane.first = mine  # taken, until the call itself stands there
                _release(mine)
                return

    async def _refused(self, lane: _Lane, route: Route, retry_after_s: float | None) -> None:
        lane.refusals += 1
        guess = min(FIRST_WAIT_S * 2 ** min(lane.refusals - 1, 10), LONGEST_GUESS_S)
        seconds = guess if retry_after_s is None else retry_after_s
        self._park(lane, seconds)
        if route.provider not in OWN:
            wait_s = min(seconds, LONGEST_TOLD_S)
            await self._tell(LlmLimit(source=self._source, lane=route.lane, wait_s=wait_s))

    def _park(self, lane: _Lane, seconds: float) -> None:
        lane.first = None
        lane.parked_until = max(lane.parked_until or 0.0, _now() + seconds)
        self._set_timer(lane, lane.parked_until)

    def _set_timer(self, lane: _Lane, at: float) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
        lane.timer = asyncio.get_running_loop().call_at(at, self._next, lane)

    def _lane(self, name: str) -> _Lane:
        """Return a lane; those that nothing is known of are forgotten when there are many."""
        if len(self._lanes) >= MOST_LANES:
            self._lanes = {key: lane for key, lane in self._lanes.items() if lane.is_special}
        return self._lanes.setdefault(name, _Lane(Breaker(open_s=self._open_s)))

    def _left(self, lane: _Lane, passage: Passage) -> None:
        """Let another go first where the first one ended without being heard."""
        if passage.tries:
            lane.breaker.gave_up()
        if lane.first is passage:
            self._pass_on(lane)

    def _too_long(self, lane: _Lane, route: Route) -> ProviderRateLimited:
        left_s = max((lane.parked_until or 0.0) - _now(), FIRST_WAIT_S)
        return ProviderRateLimited(provider=route.provider, retry_after_s=round(left_s, 3))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _release(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
