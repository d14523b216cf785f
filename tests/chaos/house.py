"""A system whose store can be harmed: a real broker, a leader and a coordinator, and what is true.

Everything runs in the test's own process but for the broker, so that a system is up again in a
moment. What was acknowledged is kept here, byte for byte; whether it is still there is asked of the
broker message by message, without a line of ours.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import nats
from nats.aio.client import Client as Stranger
from nats.errors import Error as NatsError

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure, keep
from jidoka.client.session import Client
from jidoka.contract import events as e
from jidoka.contract.content import TurnOutcome
from jidoka.contract.errors import JidokaError
from jidoka.coordinator.__main__ import compose
from jidoka.coordinator.door import Door
from jidoka.coordinator.soundness import Soundness
from jidoka.session_manager.leader import lead
from jidoka.settings import CoordinatorSettings, SessionManagerSettings
from jidoka.store.registry import SqliteRegistry
from tests.support.fake_host import FakeHost
from tests.support.manager import create, events_until, leading, new_id, record
from tests.support.nats import NatsServer

STREAM = "JIDO_EVENTS"
SESSIONS = 4
TURNS = 4
LARGE = 300_000
UP_S = 15.0

Truth = dict[int, tuple[str, bytes]]
"""Stream sequence → subject and stored bytes of every acknowledged event."""


@dataclass
class House:
    """A broker's store and a home, to be harmed and to be put back."""

    folder: Path
    truth: Truth = field(default_factory=dict)
    sessions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.broker = NatsServer(self.folder / "nats", sync_always=True)

    @property
    def store(self) -> Path:
        return self.folder / "nats" / "store"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def older(self) -> Path:
        return self.folder / "older"

    def keep(self) -> None:
        """Remember store and home as they are now: sound."""
        shutil.copytree(self.store, self.folder / "sound-store")
        shutil.copytree(self.home, self.folder / "sound-home")

    def put_back(self) -> None:
        """Make store and home sound again."""
        for name, place in (("sound-store", self.store), ("sound-home", self.home)):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(self.folder / name, place)

    async def lived_in(self) -> None:
        """Open sessions and let turns go by; in the middle a copy of the store is put aside."""
        self.broker.start()
        await self._talk(range(TURNS), opening=True)
        self.broker.stop()
        shutil.copytree(self.store, self.older)
        self.broker.start()
        await self._talk(range(TURNS, 2 * TURNS), opening=False)
        self.truth = await stored(self.broker.url)
        self.broker.stop()
        self.keep()

    async def _talk(self, turns: range, *, opening: bool) -> None:
        async with await connect(self.broker.url, name="life") as bus:
            await ensure(bus)
            async with FakeHost(bus), leading(bus, self.broker.url, self.home):
                for number in range(SESSIONS if opening else 1):
                    project = self.folder / f"p{turns.start}-{number}"
                    session_id = (await create(bus, project))["session_id"]
                    self.sessions.append(session_id)
                    await events_until(bus, session_id, "active")
                for session_id in self.sessions:
                    for turn in turns:
                        await _turn(bus, session_id, turn)
                await asyncio.sleep(0.3)  # the marks of the last events are on the disk


async def _turn(bus: Bus, session_id: str, number: int) -> None:
    turn, message, size = f"t{number}", f"m{number}", LARGE if number == 1 else 200
    await record(bus, session_id, e.MessageAccepted(message_id=message, content="x" * 200))
    await record(bus, session_id, e.TurnStarted(turn_id=turn, message_ids=(message,)))
    answer = e.LlmResponded(
        turn_id=turn, call_id=f"c{number}", step=1, content="y" * size, model="m"
    )
    await record(bus, session_id, answer)
    await record(
        bus, session_id, e.TurnEnded(turn_id=turn, outcome=TurnOutcome.COMPLETED, answer="y")
    )


async def stored(url: str) -> Truth:
    """Return what the broker gives for each sequence: what it cannot give is not in it."""
    client = await nats.connect(url)
    try:
        last = await _last(client)
        found = {number: await _message(client, number) for number in range(1, last + 1)}
    finally:
        await client.close()
    return {number: message for number, message in found.items() if message is not None}


async def _last(client: Stranger) -> int:
    """Return the last sequence; a broker that has just started may take a while to know it."""
    for _ in range(100):
        with suppress(NatsError):
            info = json.loads((await client.request(f"$JS.API.STREAM.INFO.{STREAM}", b"")).data)
            if "state" in info:
                return int(info["state"]["last_seq"])
        await asyncio.sleep(0.05)
    return 0


async def _message(client: Stranger, number: int) -> tuple[str, bytes] | None:
    question = json.dumps({"seq": number}).encode()
    answer = json.loads((await client.request(f"$JS.API.STREAM.MSG.GET.{STREAM}", question)).data)
    if "message" not in answer:
        return None
    return answer["message"]["subject"], base64.b64decode(answer["message"].get("data", ""))


@asynccontextmanager
async def served(house: House) -> AsyncGenerator[Client]:
    """Run leader, coordinator and a host on the broker; yield a client that they answer."""
    url = house.broker.url
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(await connect(url, name="house", patience_s=UP_S))
        async with asyncio.timeout(UP_S):
            await ensure(bus)
        await stack.enter_async_context(FakeHost(bus))
        soundness = Soundness(bus)
        settings = CoordinatorSettings(home=house.home, nats_url=url)
        coordinator = compose(settings, bus, soundness)
        await stack.enter_async_context(soundness.listening())
        await stack.enter_async_context(Door(url, f"door-{new_id()}", bus, coordinator))
        working = [
            asyncio.create_task(_lead_on(house, bus), name="lead on"),
            asyncio.create_task(keep(bus), name="streams"),
        ]
        try:
            yield await stack.enter_async_context(await Client.connect(url, timeout_s=UP_S))
        finally:
            for task in working:
                task.cancel()
            await asyncio.wait(working)


async def _lead_on(house: House, bus: Bus) -> None:
    """Lead, term after term, as the program does."""
    settings = SessionManagerSettings(
        home=house.home, nats_url=house.broker.url, patrol_s=1.0, session_limit=None
    )
    while True:
        registry = await SqliteRegistry.open(settings.registry)
        try:
            name = f"house-{os.urandom(2).hex()}"
            await lead(settings, bus, registry, name, new_id=new_id, leads=lambda: True)
        except* JidokaError:
            await asyncio.sleep(0.05)
        finally:
            await registry.close()


async def exported(client: Client, session_id: str, file: Path) -> list[bytes] | None:
    """Return the events of an export, None where it is refused."""
    try:
        await client.export_session(session_id, file)
    except JidokaError:
        return None
    lines = [json.loads(line) for line in file.read_bytes().splitlines()]
    return [line["event"].encode() for line in lines if "event" in line]


async def said(client: Client, session_id: str) -> bool:
    """Tell whether a session takes one more message."""
    try:
        await client.send_message(session_id, "and now?")
    except JidokaError:
        return False
    return True


async def listed(client: Client) -> dict[str, bool]:
    """Return the sessions that are shown, and whether each is degraded."""
    async with aclosing(_pages(client)) as pages:
        return {info.session_id: info.degraded async for info in pages}


async def _pages(client: Client) -> AsyncGenerator:
    for info in await client.list_sessions():
        yield info
