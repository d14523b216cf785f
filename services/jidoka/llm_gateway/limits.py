"""Which providers can be asked now."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from jidoka.llm.pieces import Route
from jidoka.llm_gateway.flights import Flight


class ProviderLanes:
    """One lane a provider's server and key."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}

    @asynccontextmanager
    async def pass_through(self, route: Route, flight: Flight) -> AsyncGenerator[None]:
        """Call a provider inside this context."""
        flight.state = "running"
        self._asked[route.lane] = self._asked.get(route.lane, 0) + 1
        try:
            yield
        finally:
            self._asked[route.lane] -= 1
