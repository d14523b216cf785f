"""The agent hosts on the bus: who is alive, and what they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import aclosing
from typing import Final

from pydantic import BaseModel

from jidoka.bus.buckets import HostDirectory, HostGone
from jidoka.bus.connection import Bus
from jidoka.bus.requests import opened
from jidoka.contract.content import ErrorInfo
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import HostBeat, HostReply, Message, WorkerStart, WorkerStop
from jidoka.contract.subjects import host_request
from jidoka.session_manager.keeper import Keeper
from jidoka.telemetry import logger

START_TIMEOUT_S: Final = 20.0
STOP_MARGIN_S: Final = 35.0
"""A host gives a worker its grace, then waits up to 30 s to see it gone."""
LIST_TIMEOUT_S: Final = 2.0
RECONNECT_S: Final = 6.0
"""After the broker was away, how long a host may take to be heard again: it tries every 4 s."""


class BusHosts:
    """Knows the hosts by their beats, and asks them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._beats: dict[str, HostBeat] = {}
        self._listed: dict[str, int] = {}
        """Host → pid of the host process whose workers we have been told."""
        self._heard_s: dict[str, float] = {}
        self._doubts: dict[str, asyncio.TimerHandle] = {}
        """Hosts that fell silent in an outage, and when it is decided that they are gone."""
        self._trusted_until_s = 0.0
        self._listening_since_s = _now_s()

    def alive(self) -> Collection[HostBeat]:
        """Return the last word of every host that shows signs of life."""
        return self._beats.values()

    def silent_s(self, host: str) -> float:
        """Return how long a host has not been heard, at most since we listen."""
        return _now_s() - max(self._heard_s.get(host, 0.0), self._listening_since_s)

    async def start(self, host: str, start: WorkerStart) -> HostReply:
        """Start a worker, or find the one that runs."""
        return await self._ask(host, "worker.start", start, START_TIMEOUT_S)

    async def stop(self, host: str, stop: WorkerStop) -> HostReply:
        """End a worker and see it gone."""
        return await self._ask(host, "worker.stop", stop, stop.grace_s + STOP_MARGIN_S)

    async def workers(self, host: str) -> HostReply:
        """Return the workers that live there."""
        return await self._ask(host, "worker.list", Message(), LIST_TIMEOUT_S)

    async def watch(self, keeper: Keeper) -> None:
        """Tell `keeper` what becomes of the hosts, for ever.

        A host that is new, or that was begun anew, or that may have spoken while we were cut off,
        is asked which workers it has.
        """
        forget = self._bus.on_reconnect(self._regained)
        try:
            async with aclosing(HostDirectory(self._bus).watch()) as news:
                async for item in news:
                    if isinstance(item, HostGone):
                        self._silent(item.host, keeper)
                    else:
                        await self._heard(item, keeper)
        finally:
            forget()
            for timer in self._doubts.values():
                timer.cancel()  # who leads next waits by itself

    def _regained(self) -> None:
        self._listed.clear()
        self._listening_since_s = _now_s()
        self._trusted_until_s = _now_s() + RECONNECT_S

    def _silent(self, host: str, keeper: Keeper) -> None:
        """Give up a host; after an outage only if it stays silent: its beats were lost too."""
        now_s = _now_s()
        if now_s >= self._trusted_until_s:
            self._gone(host, keeper)
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_at(self._trusted_until_s, self._still_silent, host, now_s, keeper)
        self._doubts[host] = timer

    def _still_silent(self, host: str, since_s: float, keeper: Keeper) -> None:
        if self._heard_s.get(host, 0.0) <= since_s:
            self._gone(host, keeper)

    def _gone(self, host: str, keeper: Keeper) -> None:
        self._beats.pop(host, None)
        self._listed.pop(host, None)
        logger().warning("a host is gone", host=host)
        keeper.host_gone(host)

    async def _heard(self, beat: HostBeat, keeper: Keeper) -> None:
        before = self._beats.get(beat.host)
        self._beats[beat.host] = beat
        self._heard_s[beat.host] = _now_s()
        if self._listed.get(beat.host) != beat.pid:
            await self._list(beat, keeper)
        elif before is not None and beat.workers < before.workers:
            keeper.place_free()

    async def _list(self, beat: HostBeat, keeper: Keeper) -> None:
        try:
            reply = await self.workers(beat.host)
        except JidokaError as problem:
            logger().warning("a host does not say what it has", host=beat.host, code=problem.code)
            return  # asked again at its next beat
        self._listed[beat.host] = beat.pid
        keeper.host_heard(beat.host, reply.workers)

    async def _ask(self, host: str, name: str, question: BaseModel, timeout_s: float) -> HostReply:
        """Return what the host says, be it that it cannot."""
        subject = host_request(host, name)
        answer = await self._bus.request(subject, question.model_dump_json().encode(), timeout_s)
        try:
            return opened(answer.data, HostReply)
        except JidokaError as problem:
            return HostReply(ok=False, error=ErrorInfo.model_validate(problem.as_dict()))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
