"""The whole system as a person starts it, in a home of its own, beside an instant model server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from jidoka.bus.event_log import NatsEventLog
from jidoka.client.session import Client
from jidoka.contract import events as e
from jidoka.contract.subjects import session_events
from jidoka.core.ports import Entry

START_S = 240.0
STOP_S = 20.0
WAIT_S = 300.0


@dataclass
class Stack:
    """A running system and a client of it."""

    home: Path
    client: Client
    model_url: str
    state: dict[str, Any]
    runtime: asyncio.subprocess.Process
    environment: dict[str, str]
    seen: dict[str, list[Entry]] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    made: int = 0

    def llm(self, model: str) -> dict[str, str]:
        """Return the configuration of a model of the instant server."""
        return {"provider": "openai", "model": model, "api_base": self.model_url}

    async def create(self, model: str) -> str:
        """Open a session on a folder of its own."""
        return await self.client.create_session(
            self.folder(), llm=self.llm(model), permission_mode="full-auto"
        )

    def folder(self) -> Path:
        """Return a new project folder."""
        self.made += 1
        folder = self.home.parent / "projects" / str(self.made)
        folder.mkdir(parents=True)
        return folder

    def refresh(self) -> None:
        """Read again which programs run."""
        self.state = json.loads((self.home / "runtime.json").read_text())

    async def revive(self) -> None:
        """Start the runtime again once it is dead; return when it is ready."""
        await asyncio.wait_for(self.runtime.wait(), STOP_S)
        self.runtime = await _started("jidoka.runtime", self.environment)
        await _line(self.runtime)
        self.refresh()

    async def until(self, session_id: str, kind: type[e.Event], nth: int = 1) -> Entry:
        """Return the nth event of a kind of a session, waiting until it is stored."""

        def found() -> list[Entry]:
            return [x for x in self.seen.get(session_id, []) if isinstance(x.event, kind)]

        async with asyncio.timeout(WAIT_S), self.news:
            await self.news.wait_for(lambda: len(found()) >= nth)
            return found()[nth - 1]

    async def live(self, session_id: str) -> None:
        """Return when the worker of a session lives."""
        async with asyncio.timeout(WAIT_S), self.news:
            await self.news.wait_for(lambda: self.is_live(session_id))

    def is_live(self, session_id: str) -> bool:
        """Tell whether a session became active."""
        return any(
            isinstance(x.event, e.SessionStatusChanged) and x.event.status == "active"
            for x in self.seen.get(session_id, [])
        )

    async def stored(self, session_id: str) -> AsyncGenerator[bytes]:
        """Yield the events of a session as they are stored."""
        log = NatsEventLog(self.client.bus)
        last = await log.last(session_id)
        assert last is not None
        async with aclosing(log.follow_raw(0, session_events(session_id))) as messages:
            async for message in messages:
                yield message.body
                if message.cursor == last.head.cursor:
                    return

    def processes(self) -> dict[str, psutil.Process]:
        """Return runtime and programs by name."""
        programs = {p["name"]: psutil.Process(p["pid"]) for p in self.state["programs"]}
        return {"runtime": psutil.Process(self.state["pid"]), **programs}

    def workers(self) -> list[psutil.Process]:
        """Return the workers: the children of the zygote."""
        host = self.processes()["agent-host"]
        return [worker for zygote in host.children() for worker in zygote.children()]

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds that each program has used, all workers together, and ours."""
        spent = {name: _cpu_s(process) for name, process in self.processes().items()}
        spent["workers"] = sum(_cpu_s(worker) for worker in self.workers())
        spent["client"] = _cpu_s(psutil.Process())
        return spent

    async def _watch(self, names: str) -> None:
        log = NatsEventLog(self.client.bus)
        subject = f"jido.session.*.event.{names}"
        async for session_id, entry in log.follow_all(0, subject):
            async with self.news:
                self.seen.setdefault(session_id, []).append(entry)
                self.news.notify_all()


@asynccontextmanager
async def running_stack(home: Path, **settings: str) -> AsyncGenerator[Stack]:
    """Run `python -m jidoka.runtime` and the model server for the time of the context."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("JIDOKA_")},
        "JIDOKA_HOME": str(home),
        "JIDOKA_SESSION_LIMIT": "5000",
        "JIDOKA_WORKER_CAPACITY": "1000",
        "OPENAI_API_KEY": "none-needed",
        "JIDOKA_START_TIMEOUT_S": f"{START_S:g}",
        **settings,
    }
    runtime = await _started("jidoka.runtime", environment)
    server = await _started("tests.support.fake_openai", environment)
    stack: Stack | None = None
    try:
        await _line(runtime)
        model_url = (await _line(server)).strip()
        state = json.loads((home / "runtime.json").read_text())
        async with await Client.connect(state["nats_url"]) as client, asyncio.TaskGroup() as tasks:
            stack = Stack(home, client, model_url, state, runtime, environment)
            watchers = [
                tasks.create_task(stack._watch(name))
                for name in ("turn.ended", "session.status_changed")
            ]
            yield stack
            for watcher in watchers:
                watcher.cancel()
    finally:
        for process in (server, stack.runtime if stack else runtime):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), STOP_S)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def _started(module: str, environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdout=asyncio.subprocess.PIPE, env=environment
    )


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    line = await asyncio.wait_for(process.stdout.readline(), START_S)
    assert line, "it ended instead of getting ready"
    return line.decode()
