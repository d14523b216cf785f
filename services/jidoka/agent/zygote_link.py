"""The host's end of its zygote: start workers, hear of their ends, replace a lost zygote."""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from jidoka.agent.zygote_protocol import PACKET_BYTES, WorkerSettings
from jidoka.contract.errors import Unavailable
from jidoka.contract.internal import WorkerStart

log = logging.getLogger(__name__)

_READY_S = 30.0
_START_S = 10.0

Exited = Callable[[int, int | None, int | None], None]
"""Called with pid, exit code and signal of a worker that the zygote has waited for."""


class ZygoteLink:
    """One zygote, kept alive. Workers outlive it: the host is their next parent."""

    def __init__(
        self,
        settings: WorkerSettings,
        on_exit: Exited,
        on_gone: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_gone` is called when a zygote ended that nobody had asked to."""
        self.sandbox_layer = ""
        """Which layer of sandbox works here, as a zygote found out; `none` where none does."""
        self._settings = settings
        self._on_exit = on_exit
        self._on_gone = on_gone
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._ready: asyncio.Future[None] | None = None
        self._starting: asyncio.Future[int] | None = None
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The zygote's process id."""
        return self._process.pid if self._process else None

    async def start_worker(self, start: WorkerStart, lifeline: socket.socket) -> int:
        """Fork a worker that holds `lifeline`; return its pid.

        Raises:
            Unavailable: no zygote could do it in time.
        """
        async with self._lock:
            link = await self._alive()
            self._starting = asyncio.get_running_loop().create_future()
            try:
                socket.send_fds(link, [start.model_dump_json().encode()], [lifeline.fileno()])
                async with asyncio.timeout(_START_S):
                    return await self._starting
            except (OSError, TimeoutError) as problem:
                self._drop()
                raise Unavailable(part="zygote", why=f"it started no worker: {problem}") from None

    async def ensure(self) -> None:
        """Return when a zygote is ready.

        Raises:
            Unavailable: none came up.
        """
        async with self._lock:
            await self._alive()

    def close(self) -> None:
        """End the zygote."""
        self._drop()

    async def _alive(self) -> socket.socket:
        if self._socket is None:
            self._spawn()
        ready, link = self._ready, self._socket
        if ready is None or link is None:
            raise Unavailable(part="zygote", why="it did not start")
        try:
            async with asyncio.timeout(_READY_S):
                await asyncio.shield(ready)
        except (OSError, TimeoutError) as problem:
            self._drop()
            raise Unavailable(part="zygote", why=f"it did not get ready: {problem}") from None
        return link

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jidoka.agent.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        loop = asyncio.get_running_loop()
        self._socket, self._ready = ours, loop.create_future()
        ours.send(json.dumps(asdict(self._settings)).encode())
        loop.add_reader(ours, self._read)

    def _read(self) -> None:
        link = self._socket
        if link is None:
            return
        try:
            body = link.recv(PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            body = b""
        if not body:
            log.warning("the zygote is gone")
            self._drop()
            self._on_gone()
            return
        self._hear(json.loads(body))

    def _hear(self, said: dict[str, Any]) -> None:
        if "exited" in said:
            self._on_exit(said["exited"], said["exit_code"], said["signal"])
        elif "started" in said and self._starting and not self._starting.done():
            self._starting.set_result(said["started"])
        elif "ready" in said and self._ready and not self._ready.done():
            self.sandbox_layer = said["sandbox"]
            self._ready.set_result(None)

    def _drop(self) -> None:
        """Let go of a zygote that is dead or to be replaced."""
        link, process = self._socket, self._process
        self._socket = self._process = None
        for waiting in (self._ready, self._starting):
            if waiting and not waiting.done():
                waiting.set_exception(OSError("the zygote is gone"))
                waiting.exception()  # seen: nobody may be waiting for it
        if link:
            asyncio.get_running_loop().remove_reader(link)
            link.close()
        if process:
            process.kill()
            process.wait()


def adopt_orphans() -> None:
    """Make this process the parent of its descendants' orphans (PR_SET_CHILD_SUBREAPER)."""
    if ctypes.CDLL(None).prctl(36, 1) != 0:
        log.warning("this system has no subreaper: %s", os.uname().release)
