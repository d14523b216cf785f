"""One child process, watched without a thread: its end, its output, its time.

The end of the process is what counts, never the end of its output: a daemon that it left behind
holds the pipe open for as long as it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jidoka.contract.errors import ToolFailed
from jidoka.sandbox.output import Output
from jidoka.sandbox.syscalls import PR_SET_CHILD_SUBREAPER, prctl

_CHUNK = 64 * 1024
_LAST_CHUNKS = 64
_GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a confined command."""

    argv: list[str]
    env: Mapping[str, str]
    cwd: str
    fds: Sequence[int] = ()
    """Descriptors that the child inherits; closed here once it runs."""
    init_fd: int | None = None
    """A file that the child inherits and in which it tells the pid of the sandbox's first process,
    as JSON with `child-pid`. No pipe: a reader who wakes keeps the child from going on."""
    stdin_fd: int | None = None
    """What it reads; None: nothing."""
    stdout_fd: int | None = None
    """Where its answers go; None: to the output, as its errors do."""
    end_signal: signal.Signals = signal.SIGKILL
    """What ends the child and with it all that it started."""
    kept_fds: Sequence[int] = ()
    """Descriptors that it inherits and that stay open here."""


@dataclass(frozen=True, slots=True)
class End:
    """How a child ended."""

    exit_status: int
    timed_out: bool
    output_limit: bool


@dataclass(slots=True)
class Child:
    """A running child process; `run_to_end` makes and unmakes it."""

    process: subprocess.Popen[bytes]
    output: Output
    pipe: int
    pidfd: int
    full: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """It ended, or it must be ended because it prints too much."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    init_pid: int = 0
    init_pidfd: int | None = None


async def run_to_end(launch: Launch, *, output: Output, output_bytes: int, timeout_s: float) -> End:
    """Run a child and return when it, and all of its sandbox, is gone.

    Time, too much output and cancellation end it the same way.
    """
    child = _start(launch, output)
    timed_out = False
    try:
        _watch(child, output_bytes)
        async with asyncio.timeout(timeout_s):
            await child.over.wait()
    except TimeoutError:
        timed_out = True
    finally:
        # shielded: being cancelled twice must not leave a process behind
        await asyncio.shield(_finish(child, launch))
    status = child.process.returncode
    return End(status if status >= 0 else 128 - status, timed_out, child.full)


def _start(launch: Launch, output: Output) -> Child:
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    pipe, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(pipe, False)
    try:
        process = subprocess.Popen(
            launch.argv,
            stdin=subprocess.DEVNULL if launch.stdin_fd is None else launch.stdin_fd,
            stdout=write_end if launch.stdout_fd is None else launch.stdout_fd,
            stderr=write_end,
            env=launch.env,
            cwd=launch.cwd,
            pass_fds=_inherited(launch),
            start_new_session=True,
        )
    except BaseException:
        _close(pipe, launch.init_fd)
        raise
    finally:
        _close(write_end, *launch.fds)
    return Child(process, output, pipe, os.pidfd_open(process.pid))


def _inherited(launch: Launch) -> tuple[int, ...]:
    told = () if launch.init_fd is None else (launch.init_fd,)
    return (*launch.fds, *launch.kept_fds, *told)


def _watch(child: Child, output_bytes: int) -> None:
    loop = asyncio.get_running_loop()
    loop.add_reader(child.pidfd, _see_end, child)
    loop.add_reader(child.pipe, _read, child, output_bytes)


def _see_end(child: Child) -> None:
    # the descriptor stays readable from now on: watching it further would spin the loop
    asyncio.get_running_loop().remove_reader(child.pidfd)
    child.ended.set()
    child.over.set()


def _read(child: Child, output_bytes: int) -> bool:
    """Take one piece; return whether there may be more."""
    try:
        data = os.read(child.pipe, _CHUNK)
    except BlockingIOError:
        return False
    if not data:
        asyncio.get_running_loop().remove_reader(child.pipe)
        return False
    child.output.add(data)
    if child.output.size > output_bytes:
        # nobody reads on: it has to wait on its pipe until it is ended
        asyncio.get_running_loop().remove_reader(child.pipe)
        child.full = True
        child.over.set()
    return not child.full


def _meet_init(child: Child, init_fd: int) -> None:
    """Get hold of the sandbox's first process: with its end, everything inside has ended."""
    _, _, rest = os.pread(init_fd, 4096, 0).partition(b'"child-pid":')
    digits = rest.split(b",")[0].strip(b" \n}")
    with contextlib.suppress(ProcessLookupError, ValueError):
        child.init_pid = int(digits)
        pidfd = os.pidfd_open(child.init_pid)
        if _parent_of(child.init_pid) in (child.process.pid, os.getpid()):
            child.init_pidfd = pidfd
        else:
            os.close(pidfd)  # it is gone, and its number another's


def _parent_of(pid: int) -> int | None:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(state.rpartition(b")")[2].split()[1])


async def _finish(child: Child, launch: Launch) -> None:
    loop = asyncio.get_running_loop()
    if launch.init_fd is not None:
        _meet_init(child, launch.init_fd)
    try:
        await _end_process(child, launch.end_signal)
        await _end_sandbox(child)
        _drain(child)
    finally:
        for fd in (child.pidfd, child.pipe, launch.init_fd, child.init_pidfd):
            if fd is not None:
                loop.remove_reader(fd)
                os.close(fd)


async def _end_process(child: Child, end_signal: signal.Signals) -> None:
    for sign in (end_signal, signal.SIGKILL):
        if not child.ended.is_set():
            child.process.send_signal(sign)
        if await _within(child.ended, _GRACE_S):
            child.process.wait()
            return
    raise ToolFailed(reason=f"process {child.process.pid} of the command cannot be ended")


async def _end_sandbox(child: Child) -> None:
    if child.init_pidfd is None:
        return
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(child.init_pidfd, signal.SIGKILL)
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(child.init_pidfd, gone.set)
    await _within(gone, _GRACE_S)
    loop.remove_reader(child.init_pidfd)
    # its parent ended first, so it has become ours: unless we read its end it stays a zombie
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child.init_pid, os.WNOHANG)  # noqa: ASYNC222 - this waits for nothing


async def _within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def _drain(child: Child) -> None:
    """Take what the pipe still holds, but wait for nobody."""
    for _ in range(0 if child.full else _LAST_CHUNKS):
        if not _read(child, output_bytes=child.output.size + _CHUNK):
            return


def _close(*fds: int | None) -> None:
    for fd in fds:
        if fd is not None:
            os.close(fd)
