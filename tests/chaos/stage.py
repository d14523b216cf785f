"""A whole system with its agent host behind the wire and a model that stops at any byte."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from jidoka.client.session import Client
from jidoka.runtime.programs import environment_of
from tests.chaos.checker import Findings, check, read_all, unfinished
from tests.chaos.history import History, watched
from tests.chaos.model import PacedModel, paced_model
from tests.chaos.wire import Wire, running_wire
from tests.support.system import Stack, running_stack

STOP_S = 15.0


@dataclass
class Place:
    """One session on a folder of its own."""

    session_id: str
    folder: Path
    turns: int = 0
    acknowledged: list[int] = field(default_factory=list)

    @property
    def effects(self) -> list[str]:
        """The lines that commands have written: one a run."""
        written = self.folder / "effects"
        return written.read_text().split() if written.exists() else []


@dataclass
class Stage:
    """The system, the wire and what is stored."""

    stack: Stack
    wire: Wire
    model: PacedModel
    history: History
    host: psutil.Process
    places: list[Place] = field(default_factory=list)

    @property
    def client(self) -> Client:
        """A client that goes around the wire."""
        return self.stack.client

    async def open(self, **llm: Any) -> Place:
        """Open a session; its model is the one that stops, unless another is named."""
        folder = self.stack.folder()
        for name in ("note.txt", "other.txt"):
            (folder / name).write_text("one\ntwo\n")
        paced = {"provider": "openai", "model": "paced", "api_base": self.model.base_url}
        session_id = await self.client.create_session(
            folder, llm=llm or paced, permission_mode="full-auto"
        )
        self.places.append(Place(session_id, folder))
        return self.places[-1]

    async def say(self, place: Place, message: str) -> None:
        """Say something, and note the number it was recorded as."""
        place.turns += 1
        place.acknowledged.append(await self.client.send_message(place.session_id, message))

    async def ended(self, place: Place) -> dict[str, Any]:
        """Return what is stored of the end of the turn that was asked for last."""
        event = await self.history.until_count(place.session_id, "turn.ended", place.turns)
        return event.body["data"]

    def workers(self) -> list[psutil.Process]:
        """Return the workers: the children of the zygote."""
        return [worker for zygote in self.host.children() for worker in zygote.children()]

    async def findings(self) -> Findings:
        """Read the logs and compare them with what happened."""
        sessions = await read_all(self.stack.state["nats_url"])
        acknowledged = {place.session_id: place.acknowledged for place in self.places}
        effects = [f"{place.session_id}/{x}" for place in self.places for x in place.effects]
        findings = check(sessions, acknowledged, effects)
        findings.broken += unfinished(sessions)
        return findings


@asynccontextmanager
async def running_stage(home: Path, **settings: str) -> AsyncGenerator[Stage]:
    """Run the programs, and the agent host behind a wire."""
    programs = "llm-gateway,coordinator,session-manager"
    async with (
        running_stack(
            home, JIDOKA_PROGRAMS=programs, JIDOKA_RESTART_LIMIT="1000", **settings
        ) as stack,
        watched(stack.state["nats_url"]) as history,
        running_wire(urlsplit(stack.state["nats_url"]).port or 0, history) as wire,
        paced_model() as model,
    ):
        host = await _started_host(home, stack.state["nats_url"], wire.port)
        try:
            yield Stage(stack, wire, model, history, psutil.Process(host.pid))
        finally:
            if host.returncode is None:
                host.send_signal(signal.SIGTERM)
            await asyncio.wait_for(host.wait(), STOP_S)


async def _started_host(home: Path, url: str, port: int) -> asyncio.subprocess.Process:
    """Start an agent host that reaches the broker through the wire."""
    address = urlsplit(url)
    through = address._replace(netloc=f"{address.username}@{address.hostname}:{port}").geturl()
    environment = environment_of(
        "agent-host",
        os.environ | {"JIDOKA_WORKER_CAPACITY": "1000"},
        home=str(home),
        nats_url=through,
        profile="local",
    )
    with (home / "logs" / "agent-host.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "jidoka.agent", env=environment, stderr=log, stdout=log
        )
