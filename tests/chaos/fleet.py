"""The programs one by one, as many of each as a test wants, on a broker of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psutil

from jidoka.bus.buckets import HostDirectory
from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.storage_limits import StorageLimits
from jidoka.client.session import Client
from jidoka.contract import events as e
from jidoka.contract.errors import JidokaError
from jidoka.core.ports import Entry
from tests.chaos.load import Load
from tests.chaos.sender import Sender

READY_S = 300.0
TURN_S = 300.0
STOP_S = 12.0
MODULES = {
    "coordinator": "jidoka.coordinator",
    "session-manager": "jidoka.session_manager",
    "agent-host": "jidoka.agent",
    "llm-gateway": "jidoka.llm_gateway",
}


@dataclass
class Fleet:
    """Programs by the name that a test gave them."""

    folder: Path
    url: str
    settings: dict[str, str] = field(default_factory=dict)
    """Of all programs."""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self, program: str, name: str = "", *, within: Sequence[str] = (), **settings: str
    ) -> None:
        """Start a program with a home of its own; `within` is what runs its command."""
        name = name or program
        home = self.folder / "homes" / name
        home.mkdir(parents=True, exist_ok=True)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("JIDOKA_")},
            "JIDOKA_HOME": str(home),
            "JIDOKA_NATS_URL": self.url,
            "JIDOKA_HOST": name,
            "JIDOKA_LOG_FORMAT": "json",
            "JIDOKA_SESSION_LIMIT": "1000",
            "JIDOKA_RESTART_LIMIT": "1000",
            **self.settings,
            **settings,
        }
        command = [*within, sys.executable, "-m", MODULES[program]]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def said(self, name: str) -> str:
        """Return what a program has said since it was started."""
        return (self.folder / f"{name}.log").read_text()

    def kill(self, name: str) -> int:
        """Kill a program at once with all that it started; return how many processes died."""
        process = self.running.pop(name)
        begun = _frozen(process.pid)
        for pid in begun:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP_S)
        return len(begun)

    def stop(self) -> None:
        """End all programs together."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for name in list(self.running):
            with suppress(subprocess.TimeoutExpired):
                self.running[name].wait(STOP_S)
            self.kill(name)

    async def ready(self, hosts: int = 1) -> None:
        """Return when sessions are listed and so many hosts live."""
        async with asyncio.timeout(READY_S), await connect(self.url, name="ready") as bus:
            while True:
                if len(await HostDirectory(bus).alive()) >= hosts:
                    return
                await asyncio.sleep(0.1)


@dataclass
class Onlooker:
    """A client that sees the ends of all turns."""

    folders: Path
    client: Client
    state: dict[str, str]
    ended: dict[str, list[Entry]] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    made: int = 0

    def folder(self) -> Path:
        """Return a new project folder."""
        self.made += 1
        folder = self.folders / str(self.made)
        folder.mkdir(parents=True)
        return folder

    async def until(self, session_id: str, kind: type[e.TurnEnded], nth: int = 1) -> Entry:
        """Return the nth end of a turn of a session, waiting until it is stored."""
        assert kind is e.TurnEnded
        async with asyncio.timeout(TURN_S), self.news:
            await self.news.wait_for(lambda: len(self.ended.get(session_id, [])) >= nth)
            return self.ended[session_id][nth - 1]

    async def watch(self) -> None:
        """See what happens, for ever."""
        log = NatsEventLog(self.client.bus)
        subject = "jido.session.*.event.turn.ended"
        async for session_id, entry in log.follow_all(0, subject):
            async with self.news:
                self.ended.setdefault(session_id, []).append(entry)
                self.news.notify_all()


@asynccontextmanager
async def seen(folder: Path, url: str) -> AsyncGenerator[Onlooker]:
    """Yield a client of the system behind `url`."""
    async with await Client.connect(url) as client, asyncio.TaskGroup() as tasks:
        onlooker = Onlooker(folder / "projects", client, {"nats_url": url})
        watching = tasks.create_task(onlooker.watch())
        yield onlooker
        watching.cancel()


@asynccontextmanager
async def running_fleet(
    folder: Path,
    url: str,
    starts: Sequence[tuple[str, str]],
    *,
    limits: StorageLimits | None = None,
    within: Mapping[str, Sequence[str]] | None = None,
    **settings: Any,
) -> AsyncGenerator[tuple[Fleet, Load]]:
    """Start programs as (program, name) for the time of the context, and a client of them.

    `within` has what runs the command of a program, by its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fleet = Fleet(folder, url, settings)
    async with await connect(url, name="ensure") as bus:
        await ensure(bus, limits or StorageLimits())
    try:
        for program, name in starts:
            fleet.start(program, name, within=(within or {}).get(name, ()))
        await fleet.ready(sum(program == "agent-host" for program, _ in starts))
        async with seen(folder, url) as onlooker:
            await _listing(onlooker.client)
            sender = await Sender.connected(url)
            yield fleet, Load(cast("Any", onlooker), sender)
            await sender.close()
    finally:
        await asyncio.to_thread(fleet.stop)


async def _listing(client) -> None:
    """Return when a coordinator and behind it a session-manager answer."""
    async with asyncio.timeout(READY_S):
        while True:
            try:
                await client.list_sessions()
            except JidokaError:
                await asyncio.sleep(0.1)
            else:
                return


def _frozen(pid: int) -> list[int]:
    """Stop a process and its descendants, until none is left that could start another one."""
    stopped: list[int] = []
    found = [pid]
    while found:
        for each in found:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGSTOP)
        stopped += found
        found = [each for each in _descendants(pid) if each not in stopped]
    return stopped


def _descendants(pid: int) -> list[int]:
    with suppress(psutil.NoSuchProcess):
        return [each.pid for each in psutil.Process(pid).children(recursive=True)]
    return []
