"""Coordinators as real processes, sessions in the log, and a stranger who speaks NATS and JSON."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from jidoka.bus.connection import Bus, connect
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract.content import LlmConfig, Status
from jidoka.contract.events import Event, SessionCreated, SessionStatusChanged
from jidoka.core.ports import Draft, Head
from tests.support.drafts import new_id

READY_S = 20.0
STRANGER = "/a-stranger/7"


class CoordinatorProcess:
    """One replica."""

    def __init__(self, nats_url: str, home: Path, **settings: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.log_file = home / "coordinator.log"
        environment = {
            "PATH": os.environ["PATH"],
            "JIDOKA_HOME": str(home),
            "JIDOKA_NATS_URL": nats_url,
            **settings,
        }
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jidoka.coordinator"],
                env=environment,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """What it wrote."""
        return self.log_file.read_text()

    def wait_until_ready(self) -> None:
        """Return when it listens."""
        until = time.monotonic() + READY_S
        while '"ready"' not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.01)

    async def ready(self) -> None:
        """Return when it listens."""
        await asyncio.to_thread(self.wait_until_ready)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(5)

    async def terminate(self, within_s: float = 15) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, within_s)

    @property
    def cpu_s(self) -> float:
        """CPU time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def starting_coordinator(
    nats_url: str, home: Path, **settings: str
) -> Generator[CoordinatorProcess]:
    """Start a replica and end it afterwards, whatever happened."""
    replica = CoordinatorProcess(nats_url, home, **settings)
    try:
        yield replica
    finally:
        if replica.process.poll() is None:
            replica.kill()


class Stranger:
    """A client without a line of ours: subjects, CloudEvents and JSON."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(
        self,
        name: str,
        data: dict[str, Any],
        *,
        command_id: str = "",
        source: str = STRANGER,
        **attributes: Any,
    ) -> dict[str, Any]:
        """Send a command and return the CloudEvent that answers it."""
        event = {
            "specversion": "1.0",
            "id": command_id or new_id(),
            "source": source,
            "type": f"jido.{name}.v1",
            "data": data,
        } | attributes
        return await self.send(f"jido.command.{name}", json.dumps(event).encode())

    async def send(
        self, subject: str, body: bytes, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Send any bytes as a request and return the answer."""
        answer = await self.client.request(subject, body, timeout=10, headers=headers)
        return json.loads(answer.data)

    async def say(self, session_id: str, text: str, command_id: str = "") -> dict[str, Any]:
        """Submit a message and return the data of the answer."""
        data = {"session_id": session_id, "content": text}
        return (await self.ask("message.submit", data, command_id=command_id))["data"]


@asynccontextmanager
async def a_stranger(nats_url: str) -> AsyncGenerator[Stranger]:
    """Connect a stranger."""
    client = await nats.connect(nats_url)
    try:
        yield Stranger(client)
    finally:
        await client.close()


class Sessions:
    """Sessions written straight into the log, as the session-manager and worker would."""

    def __init__(self, bus: Bus) -> None:
        self.log = NatsEventLog(bus)

    async def create(self, session_id: str, *more: Event) -> None:
        """Record a session that is active, and `more` events after that."""
        llm = LlmConfig(provider="scripted", model="hello.json")
        await self.write(
            session_id,
            SessionCreated(session_name=session_id, project_path="/p", llm=llm),
            SessionStatusChanged(status=Status.INITIALIZING, reason="created"),
            SessionStatusChanged(status=Status.ACTIVE, previous_status=Status.INITIALIZING),
            *more,
        )

    async def write(self, session_id: str, *events: Event) -> None:
        """Record events at the end of a session's log."""
        last = await self.log.last(session_id)
        head = last.head if last else Head()
        for event in events:
            draft = Draft(event, event_id=new_id(), source="/jidoka/test/1")
            head = (await self.log.append(session_id, draft, head))[-1].head

    async def events(self, session_id: str) -> list[dict[str, Any]]:
        """Return every recorded event of a session as a stranger sees it."""
        return [json.loads(entry.envelope.to_json()) async for entry in self.log.read(session_id)]

    async def said(self, session_id: str) -> list[str]:
        """Return the texts of all recorded messages, in order."""
        return [
            event["data"]["content"]
            for event in await self.events(session_id)
            if event["type"] == "jido.message.accepted.v1"
        ]


@asynccontextmanager
async def a_log(nats_url: str) -> AsyncGenerator[Sessions]:
    """Open the log."""
    async with await connect(nats_url, name="test") as bus:
        yield Sessions(bus)
