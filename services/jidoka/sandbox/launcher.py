"""The parent of one command where there is no PID namespace: it outlives whatever the command left.

    worker ─ exec ─► launcher (subreaper) ─ fork ─► Landlock + seccomp ─ exec ─► shell ─► anything
                        │ shell ended, or SIGTERM: freeze, kill and reap every descendant
                        └ remove the temporary folder, exit as the shell did

It runs as its own program with a clean environment (`python -I -S`), told what to do by one
argument in JSON, and ends with the worker that started it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jidoka.sandbox import landlock, seccomp
from jidoka.sandbox.syscalls import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl

_WAKES = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
_KILL_S = 5.0
_PAUSE_S = 0.02
CANNOT_CONFINE = 121
"""Exit status when the kernel refused to confine the command; it never ran."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the launcher is told."""

    parent: int
    """Pid of who started it: without that one it ends at once."""
    argv: Sequence[str]
    env: dict[str, str]
    """`{tmp}` stands for the temporary folder that the launcher makes and removes."""
    cwd: str
    abi: int
    """Version of Landlock to confine with; 0 confines nothing."""
    readable: Sequence[str] = ()
    writable: Sequence[str] = ()
    network: bool = False
    processes: int | None = None


def command_line(order: Order) -> list[str]:
    """Return the argv that starts a launcher for `order`."""
    package_home = str(Path(__file__).parents[2])
    start = (
        f"import sys; sys.path.append({package_home!r}); "
        "from jidoka.sandbox.launcher import main; main()"
    )
    return [sys.executable, "-I", "-S", "-c", start, json.dumps(asdict(order))]


def main() -> None:
    """Run the command of the order in argv[1], end all that it started, exit as it did."""
    order = Order(**json.loads(sys.argv[1]))
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAKES)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != order.parent:
        return
    temporary = tempfile.mkdtemp(prefix="jidoka-")
    try:
        status = _wait_for(_start(order, temporary))
        _end_descendants()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sys.exit(status)


def _start(order: Order, temporary: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _become(order, temporary)
        except BaseException as error:  # noqa: BLE001 - a forked child must never return into main
            os.write(2, f"jidoka: the command could not be confined: {error}\n".encode())
        os._exit(CANNOT_CONFINE)
    return pid


def _become(order: Order, temporary: str) -> None:
    os.setsid()
    env = {key: value.replace("{tmp}", temporary) for key, value in order.env.items()}
    Path(env["HOME"]).mkdir(exist_ok=True)
    os.chdir(order.cwd)
    if order.processes is not None:
        most = _tasks_of_user() + order.processes
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    if order.abi:
        _confine(order, temporary)
    for sign in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(sign, signal.SIG_DFL)  # Python ignores them, a shell must not
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAKES)
    os.execve(order.argv[0], list(order.argv), env)  # noqa: S606 - no shell: argv is a list


def _confine(order: Order, temporary: str) -> None:
    rules = [
        *((path, landlock.RUN) for path in order.readable),
        *((path, landlock.READ) for path in ("/proc/self", "/proc/cpuinfo", "/proc/meminfo")),
        *((f"/dev/{name}", landlock.READ) for name in ("urandom", "random")),
        *((f"/dev/{name}", landlock.READ | landlock.WRITE_FILE) for name in ("null", "zero")),
        *((path, -1) for path in (*order.writable, temporary)),
    ]
    families = seccomp.INET_FAMILIES if order.network else ()
    # before version 3 Landlock does not see a truncation by path
    known = order.abi >= landlock.TRUNCATE_ABI
    program = seccomp.compile_filter(families, shared_namespaces=True, truncate=known)
    landlock.restrict(rules, version=order.abi, network=order.network)
    seccomp.apply_filter(program)


def _wait_for(child: int) -> int:
    """Return the status of the child, 128 + n for signal n; 143 when we were told to end."""
    while True:
        if signal.sigwait(_WAKES) != signal.SIGCHLD:
            return 128 + signal.SIGTERM
        ended = _reap()
        if child in ended:
            return ended[child]


def _reap() -> dict[int, int]:
    """Return the children that have ended with their status."""
    ended: dict[int, int] = {}
    try:
        while True:
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return ended
            code = os.waitstatus_to_exitcode(wait_status)
            ended[pid] = code if code >= 0 else 128 - code
    except ChildProcessError:
        return ended


def _end_descendants() -> None:
    """Kill all that the command left behind; stopped first: a fork bomb would outrun us."""
    until = time.monotonic() + _KILL_S
    while time.monotonic() < until:
        _reap()
        frozen: set[int] = set()
        while new := _descendants() - frozen:
            _signal_all(new, signal.SIGSTOP)
            frozen |= new
        if not frozen:
            return
        _signal_all(frozen, signal.SIGKILL)
        signal.sigtimedwait({signal.SIGCHLD}, _PAUSE_S)


def _signal_all(pids: set[int], sign: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, sign)
        except (ProcessLookupError, PermissionError):
            continue  # gone already, or made itself somebody else's: nothing that we could do


def _descendants() -> set[int]:
    """Return the pids below us, without those that have ended and only wait to be reaped."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (found := _parent_of(int(entry.name))) is not None:
            children.setdefault(found, []).append(int(entry.name))
    below: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            below.add(pid)
            waiting.append(pid)
    return below


def _parent_of(pid: int) -> int | None:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # the name in brackets may hold anything, brackets too: read from its end
    fields = state.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[1])


def _tasks_of_user() -> int:
    """Return how many threads the user has now: the kernel counts those against the limit."""
    user, tasks = os.getuid(), 0
    for entry in os.scandir("/proc"):
        try:
            if entry.name.isdigit() and entry.stat().st_uid == user:
                tasks += Path(f"/proc/{entry.name}/task").stat().st_nlink - 2
        except OSError:
            continue
    return tasks
