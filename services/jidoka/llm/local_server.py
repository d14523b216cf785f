"""The embedded model's server as a child process: started on demand, watched, ended."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from jidoka.contract.errors import Unavailable

MODULE: Final = "jidoka.llm.serve_local"
PART: Final = "the embedded model"
# the owner's environment holds keys, which a model has no use for
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers, and the token that it wants."""

    base_url: str
    token: str


class LocalServer:
    """One model's server; it ends with this process, however this ends."""

    def __init__(self, model: Path, *, ready_s: float = 180.0, stop_s: float = 5.0) -> None:
        self.model = model
        self._ready_s = ready_s
        self._stop_s = stop_s
        self._process: Process | None = None
        self._address: Address | None = None
        self._starting = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The server's process, None while there is none."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    async def address(self) -> Address:
        """Return where the server answers; it is started, or started anew, if it does not live.

        Raises:
            Unavailable: it does not come up; why, in its own words.
        """
        async with self._starting:
            if self._address is None or self.pid is None:
                await self._end()
                self._address = await self._start()
            return self._address

    async def gone(self) -> None:
        """Return when there is no process, whatever ended it."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """Return when the process is gone: asked first, then killed."""
        async with self._starting:
            await self._end()

    async def _start(self) -> Address:
        token = secrets.token_urlsafe(24)
        command = (sys.executable, "-m", MODULE, "--model", str(self.model))
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        self._process = process = await asyncio.create_subprocess_exec(
            *command, "--parent", str(os.getpid()), stdin=PIPE, stdout=PIPE, env=environment
        )
        try:
            async with asyncio.timeout(self._ready_s):
                said = await _first_line(process, token)
        except TimeoutError:
            await self._end()
            raise Unavailable(part=PART, why=f"not ready within {self._ready_s:g} s") from None
        except BaseException:
            await self._end()
            raise
        if not said.get("ready"):
            await self._end()
            raise Unavailable(part=PART, why=str(said.get("why") or "its server ended at once"))
        return Address(str(said["base_url"]), token)

    async def _end(self) -> None:
        process, self._process, self._address = self._process, None, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(self._stop_s):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()


async def _first_line(process: Process, token: str) -> Mapping[str, Any]:
    """Give the process its token; return what it says first, nothing if it ends instead."""
    if process.stdin is None or process.stdout is None:
        return {}
    process.stdin.write(f"{token}\n".encode())
    try:
        await process.stdin.drain()
        said: object = json.loads(await process.stdout.readline())
    except (ValueError, ConnectionError):
        return {}
    return cast("Mapping[str, Any]", said) if isinstance(said, dict) else {}
