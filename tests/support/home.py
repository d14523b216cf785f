"""A home of its own for a test, with the runtime as a real process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from jidoka.client import Client, Recorded
from jidoka.contract.errors import TimedOut, Unavailable

T = TypeVar("T")
START_S = 60.0
STOP_S = 20.0


class Home:
    """A folder of state, and whatever runtime lives in it."""

    launcher: tuple[str, ...] = ()
    """What a command line is started with, for less rights than the tests have."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        without = {key for key in os.environ if key.startswith("JIDOKA_")}
        self.environment = {k: v for k, v in os.environ.items() if k not in without} | {
            "JIDOKA_HOME": str(folder),
            "NO_COLOR": "1",
            **environment,
        }

    def jidoka(
        self, *arguments: str, stdin: str = "", timeout_s: float = 60.0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Return what a command line printed, and its exit code."""
        return subprocess.run(
            [*self.launcher, sys.executable, "-m", "jidoka.cli", *arguments],
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """Return the JSON that a command printed; it must have succeeded."""
        answer = self.jidoka(*arguments)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return json.loads(answer.stdout)

    def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        """Return an answer over the bus: for looking again and again, a process is too slow.

        Raises:
            JidokaError: what it is answered with, or that nobody is there to answer.
        """

        async def asked() -> T:
            async with await Client.connect(self.state["nats_url"], source="test") as client:
                return await question(client)

        return asyncio.run(asked())

    def status_of(self, session_id: str) -> str:
        """The status of a session."""
        return self.ask(lambda client: client.get_session_info(session_id)).status

    def log_of(self, session_id: str) -> list[Recorded]:
        """All that is recorded of a session."""

        async def read(client: Client) -> list[Recorded]:
            items = client.subscribe_to_session(session_id, live=False, to_the_end=True)
            return [item async for item in items if isinstance(item, Recorded)]

        return self.ask(read)

    def has(self, session_id: str, name: str) -> bool:
        """Tell whether an event of that name is recorded."""
        return any(item.envelope.name == name for item in self.log_of(session_id))

    @property
    def state(self) -> dict[str, Any]:
        """What the runtime says of itself."""
        return json.loads((self.folder / "runtime.json").read_text())

    @property
    def pids(self) -> dict[str, int]:
        """The programs' process ids, by name."""
        return {each["name"]: each["pid"] for each in self.state["programs"]}

    def kill(self, name: str) -> int:
        """End a program as a crash would; return its pid."""
        pid = self.pids[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def logs(self) -> str:
        """All that the programs wrote."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')}"
            for path in sorted((self.folder / "logs").glob("*.log"))
        )


@contextmanager
def running_home(folder: Path, **environment: str) -> Generator[Home]:
    """Yield a home whose runtime is up, and end it afterwards."""
    home = Home(folder, **environment)
    started = home.jidoka("up", "--detach", timeout_s=START_S + 15)
    try:
        assert started.returncode == 0, started.stdout + started.stderr + home.logs()
        yield home
    finally:
        home.jidoka("down", timeout_s=STOP_S + 10)


def until(what: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """Return what is asked for as soon as it is true of other processes; fail in the end.

    Whom a test has killed may not answer for a while.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        away = None
        try:
            if found := what():
                return found
        except (Unavailable, TimedOut) as problem:
            away = problem
        assert time.monotonic() < deadline, f"it did not come true in time: {away}"
        time.sleep(0.02)


def processes_with(variable: str) -> dict[int, str]:
    """Return the command lines of processes whose environment or arguments hold a text."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if variable in command or variable in environment:
            found[int(folder.name)] = command
    return found


def names(state: Mapping[str, Any]) -> set[str]:
    """Return the names of the programs in a state."""
    return {each["name"] for each in state["programs"]}
