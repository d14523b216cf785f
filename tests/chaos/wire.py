"""The wire between an agent host with its workers and the broker: a place to kill from.

Every event that a worker records passes here, and so does the broker's word that it is stored. So
a worker can be killed at exactly three moments of each event, from outside:

    before    the worker has said it, the broker never hears of it
    unheard   the broker has stored it, the worker never hears of that
    after     the worker has heard that it is stored

A frozen worker that wakes can be kept from hearing anything, so that what it says is what it
believed before. The product knows nothing of all this.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from tests.chaos.frames import LONGEST_LINE, Frame, frames
from tests.chaos.history import History

When = Literal["before", "unheard", "after"]
HOLD_S = 10.0
"""How long anything is held back at most."""


@dataclass(frozen=True)
class Cut:
    """Where a worker dies: at the nth event of a name since the cuts were set."""

    name: str
    nth: int
    when: When


@dataclass
class Link:
    """One worker's connection."""

    session_id: str = ""
    hears: asyncio.Event = field(default_factory=asyncio.Event)
    """Unset: what the broker says waits."""
    deaf: bool = False
    """What the broker says is lost."""
    said: list[str] = field(default_factory=list)
    asked: dict[str, Cut | None] = field(default_factory=dict)
    """Where the broker's word on an event is expected → who dies on hearing it."""


class Wire:
    """Carries all connections of a host; kills the workers that it was told to."""

    def __init__(self, port: int, history: History) -> None:
        self.port = 0
        self.pids: dict[str, int] = {}
        """The newest worker that said something, by session."""
        self.links: dict[str, Link] = {}
        self.starts: dict[str, asyncio.Event] = {}
        """A session's worker is started once this is set."""
        self.killed = 0
        self._upstream = port
        self._history = history
        self._cuts: dict[str, list[Cut]] = {}
        self._seen: dict[str, dict[str, set[str]]] = {}

    def plan(self, session_id: str, *cuts: Cut) -> None:
        """Have the next workers of a session die, each at its cut."""
        self._cuts[session_id] = list(cuts)
        self._seen[session_id] = defaultdict(set)

    def left(self, session_id: str) -> int:
        """Return how many cuts have not been reached."""
        return len(self._cuts.get(session_id, ()))

    def kill(self, session_id: str) -> None:
        """Kill the worker of a session now."""
        with suppress(ProcessLookupError):
            os.kill(self.pids[session_id], signal.SIGKILL)
            self.killed += 1
            self._history.died(session_id)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until one side ends it."""
        link = Link()
        link.hears.set()
        try:
            broker = await asyncio.open_connection("127.0.0.1", self._upstream, limit=LONGEST_LINE)
        except OSError:
            writer.transport.abort()
            return
        with suppress(OSError, asyncio.IncompleteReadError):
            ways = [
                asyncio.create_task(self._up(link, reader, broker[1])),
                asyncio.create_task(self._down(link, broker[0], writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        for side in (writer, broker[1]):
            side.transport.abort()

    async def _up(
        self, link: Link, reader: asyncio.StreamReader, broker: asyncio.StreamWriter
    ) -> None:
        async for frame in frames(reader):
            if frame.raw.startswith(b"CONNECT "):
                name = json.loads(frame.raw[8:])["name"]
                link.session_id = name.removeprefix("worker-")
                self.links[link.session_id] = link
            if frame.subject.startswith("jido.session.") and ".event." in frame.subject:
                await self._event(link, frame, broker)
            else:
                broker.write(frame.raw)
                await broker.drain()

    async def _event(self, link: Link, frame: Frame, broker: asyncio.StreamWriter) -> None:
        session_id, name = link.session_id, frame.subject.split(".event.")[1]
        body = json.loads(frame.body)
        self.pids[session_id] = int(body["source"].rpartition("-")[2])
        link.said.append(name)
        cut = self._cut(session_id, name, body["id"])
        if cut is not None and cut.when == "before":
            self.kill(session_id)
            link.deaf = True
            return
        link.deaf = cut is not None and cut.when == "unheard"
        link.asked[frame.reply] = cut if cut and cut.when == "after" else None
        broker.write(frame.raw)
        await broker.drain()
        if link.deaf:
            await self._history.until_stored(session_id, body["id"])
            self.kill(session_id)

    def _cut(self, session_id: str, name: str, event_id: str) -> Cut | None:
        """Return the cut that this event is, and take it from the plan."""
        cuts = self._cuts.get(session_id)
        if cuts is None:
            return None
        seen = self._seen[session_id][name]
        seen.add(event_id)
        if cuts and cuts[0].name == name and cuts[0].nth == len(seen):
            return cuts.pop(0)
        return None

    async def _down(
        self, link: Link, broker: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async for frame in frames(broker):
            await link.hears.wait()
            if link.deaf:
                continue
            if frame.subject.endswith(".worker.start"):
                asyncio.create_task(self._start(frame, writer)).add_done_callback(_looked_at)
                continue
            writer.write(frame.raw)
            await writer.drain()
            if link.asked.pop(frame.subject, None) is not None:
                self.kill(link.session_id)

    async def _start(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        may_start = self.starts.get(json.loads(frame.body)["session_id"])
        if may_start is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(may_start.wait(), HOLD_S)
        writer.write(frame.raw)
        await writer.drain()


def _looked_at(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()


@asynccontextmanager
async def running_wire(port: int, history: History) -> AsyncGenerator[Wire]:
    """Yield a wire to the broker on the local `port`."""
    wire = Wire(port, history)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0, limit=LONGEST_LINE)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
