"""Processes of the runtime: each in a group of its own, none of them outlives it.

Three nets hold: a child is told to end and then ended with its group; the kernel kills it when the
runtime dies (`PR_SET_PDEATHSIG`); and whatever a child leaves behind is adopted by the runtime
(`PR_SET_CHILD_SUBREAPER`), which ends it before it leaves. One handler of SIGCHLD collects all,
so no thread waits for anybody.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

MOST_FILES: Final = 65_536
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Child:
    """One running process."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.pid = process.pid
        self._reader: asyncio.StreamReader | None = None
        self._process = process
        self._ended = asyncio.Event()
        self.status = 0
        """Exit code, or the signal that ended it as a negative number."""

    async def lines(self) -> asyncio.StreamReader:
        """Return what it prints; it must have been started with `piped`."""
        pipe = self._process.stdout
        if pipe is None:
            raise RuntimeError(f"{self.name} was started without a pipe")
        if self._reader is None:
            self._reader = asyncio.StreamReader()
            protocol = asyncio.StreamReaderProtocol(self._reader)
            loop = asyncio.get_running_loop()
            await loop.connect_read_pipe(lambda: protocol, pipe)
        return self._reader

    async def ended(self) -> int:
        """Wait for the end; return the status."""
        await self._ended.wait()
        return self.status

    def note_end(self, status: int) -> None:
        """Keep how it ended, and end what is left of its group."""
        self.status = self._process.returncode = status
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._ended.set()

    async def end(self, grace_s: float) -> None:
        """Ask it to end, and end it by force when it did not within `grace_s`."""
        self._send(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._ended.wait()
                return
        self._send(signal.SIGKILL)
        await self._ended.wait()

    def _send(self, signum: signal.Signals) -> None:
        if not self._ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)


class Children:
    """All processes of this runtime."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._known: dict[int, Child] = {}
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        loop.add_signal_handler(signal.SIGCHLD, self._collect)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        piped: bool = False,
    ) -> Child:
        """Start a process whose output goes to the end of `log`; `piped` keeps its stdout for us.

        Raises:
            OSError: the program cannot be run, or the log not written.
        """
        with log.open("ab") as lines:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else lines,
                stderr=lines,
                process_group=0,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
            )
        child = self._known[process.pid] = Child(name, process)
        return child

    def end_strays(self) -> None:
        """End what children that are gone have left to us."""
        for pid in _children_of_mine():
            if pid not in self._known:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def end_the_rest(self) -> None:
        """End every descendant that is still there: what children left behind."""
        while left := _children_of_mine():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in left:
                with suppress(ChildProcessError):
                    self._note(*os.waitpid(pid, 0))

    def _collect(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._note(pid, status)

    def _note(self, pid: int, status: int) -> None:
        child = self._known.pop(pid, None)
        if child is not None:
            child.note_end(os.waitstatus_to_exitcode(status))


def raise_file_limit() -> None:
    """Let what is started here open many files: the broker and the host hold some a session."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _children_of_mine() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii")
    return [int(pid) for pid in text.split()]


def _die_with(parent: int) -> Callable[[], Any]:
    def in_the_child() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return in_the_child
