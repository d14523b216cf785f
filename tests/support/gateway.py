"""A real llm-gateway for a test: as a process, or quicker, in the test's own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from jidoka.bus.connection import Bus
from jidoka.llm_gateway.__main__ import serve
from jidoka.settings import GatewaySettings

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 15.0


class GatewayProcess:
    """`python -m jidoka.llm_gateway` on a broker."""

    def __init__(self, url: str, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log_file = home / "gateway.log"
        self._environment = {
            "PATH": os.environ["PATH"],
            "JIDOKA_HOME": str(home),
            "JIDOKA_NATS_URL": url,
            **(environment or {}),
        }
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote, over all its starts."""
        return self._log_file.read_text()

    async def start(self) -> None:
        """Start it and return when it is ready."""
        before = self._log_file.read_text() if self._log_file.exists() else ""
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "jidoka.llm_gateway", stderr=log, env=self._environment
            )
        async with asyncio.timeout(START_TIMEOUT_S):
            while '"ready"' not in self.log[len(before) :]:
                assert self._process.returncode is None, self.log
                await asyncio.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Return its exit code once it is gone."""
        assert self._process is not None
        async with asyncio.timeout(STOP_TIMEOUT_S):
            return await self._process.wait()

    async def stop(self) -> None:
        """End it, by force if it does not go."""
        if self._process is None or self._process.returncode is not None:
            return
        self.send(signal.SIGTERM)
        try:
            await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def running_gateway(
    url: str, home: Path, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[GatewayProcess]:
    """Yield a gateway that serves, and end it afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    gateway = GatewayProcess(url, home, environment)
    try:
        await gateway.start()
        yield gateway
    finally:
        await gateway.stop()


@asynccontextmanager
async def gateway_here(
    bus: Bus, environment: Mapping[str, str], *, home: Path, **settings: Any
) -> AsyncGenerator[None]:
    """Serve in this process while the context lasts, with exactly this environment."""
    stop, ready = asyncio.Event(), asyncio.Event()
    wanted = GatewaySettings(home=home, **settings)
    serving = asyncio.create_task(serve(wanted, environment, bus, stop, ready.set))
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            started = asyncio.create_task(ready.wait())
            await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        stop.set()
        await serving
