"""The parent of one command where there is no PID namespace: it outlives whatever the command left.

    worker ─ exec ─► launcher (subreaper) ─ fork ─► Landlock + seccomp ─ exec ─► shell ─► anything
                        │ shell ended, or SIGTERM: freeze, kill and reap every descendant
                        └ remove the temporary folder, exit as the shell did

It runs as its own program (`python -I -S`) with the command's clean environment, and ends with the
worker that started it. A command waits for its start, so it imports as little as it can.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time

from jidoka.sandbox import landlock, seccomp
from jidoka.sandbox.syscalls import (
    PR_CAPBSET_DROP,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    prctl,
)

_WAKES = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
_KILL_S = 5.0
_PAUSE_S = 0.02
CANNOT_CONFINE = 121
"""Exit status when the kernel refused to confine the command; it never ran."""


class Order:
    """What the launcher is told, as the words of its command line.

    parent          pid of who started it: without that one it ends at once
    abi             version of Landlock to confine with; 0 confines nothing
    network         1: TCP stays possible
    processes       how many more tasks the user may have; 0: no limit of ours
    temporary, cwd  the command's own temporary folder, which is removed; where it starts
    program         the system call filter in hex
    g:PATH          files of the control groups that it joins
    r:PATH, w:PATH  what may be read and run, what may be written; then `--` and the command
    """

    def __init__(self, words: list[str]) -> None:
        parent, abi, network, processes, *rest = words
        self.parent, self.abi, self.processes = int(parent), int(abi), int(processes)
        self.network = network == "1"
        self.temporary, self.cwd, program, *rest = rest
        self.program = bytes.fromhex(program)
        border = rest.index("--")
        self.groups = [word[2:] for word in rest[:border] if word.startswith("g:")]
        self.paths = [word for word in rest[:border] if not word.startswith("g:")]
        self.argv = rest[border + 1 :]

    def rules(self) -> list[tuple[str, int]]:
        """Return the Landlock rules: these paths and the few devices that every program needs."""
        rights = {"r": landlock.RUN, "w": -1}
        write = landlock.READ | landlock.WRITE_FILE
        return [
            *((word[2:], rights[word[0]]) for word in self.paths),
            *((path, landlock.READ) for path in ("/proc/self", "/proc/cpuinfo", "/proc/meminfo")),
            *((f"/dev/{name}", landlock.READ) for name in ("urandom", "random")),
            *((f"/dev/{name}", write) for name in ("null", "zero", "full")),
            (self.temporary, -1),
        ]


def main() -> None:
    """Run the command of the order, end all that it started, exit as it did."""
    order = Order(sys.argv[1:])
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAKES)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    status = 128 + signal.SIGTERM
    if os.getppid() == order.parent:
        status = _wait_for(_start(order))
        _end_descendants()
    _remove(order.temporary)
    os._exit(status)


def _remove(temporary: str) -> None:
    try:
        os.rmdir(f"{temporary}/home")  # noqa: PTH106 - see the imports
        os.rmdir(temporary)  # noqa: PTH106 - the same
    except OSError:
        import shutil  # noqa: PLC0415 - most commands leave nothing, and it is slow to import

        shutil.rmtree(temporary, ignore_errors=True)


def _start(order: Order) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _become(order)
        except BaseException as error:  # noqa: BLE001 - a forked child must never return into main
            os.write(2, f"jidoka: the command could not be confined: {error}\n".encode())
        os._exit(CANNOT_CONFINE)
    return pid


def _become(order: Order) -> None:
    os.setsid()
    os.chdir(order.cwd)
    for door in order.groups:
        with open(door, "w") as file:  # noqa: PTH123 - see the imports
            file.write("0")
    if order.processes:
        most = _tasks_of_user() + order.processes
        hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    if order.abi:
        _drop_capabilities()
        landlock.restrict(order.rules(), version=order.abi, network=order.network)
        seccomp.apply_filter(order.program)
    for sign in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(sign, signal.SIG_DFL)  # Python ignores them, a shell must not
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WAKES)
    os.execv(order.argv[0], order.argv)  # noqa: S606 - no shell: argv is a list


def _drop_capabilities() -> None:
    """Leave root's programs nothing of root but the name: exec grants what is in this set."""
    try:
        for capability in range(64):
            prctl(PR_CAPBSET_DROP, capability)
    except OSError:
        return  # the one behind the last, or we are not root and have none


def _wait_for(child: int) -> int:
    """Return the status of the child, 128 + n for signal n; 143 when we were told to end."""
    while True:
        if signal.sigwait(_WAKES) != signal.SIGCHLD:
            return 128 + signal.SIGTERM
        ended: dict[int, int] = {}
        _reap(ended)
        if child in ended:
            return ended[child]


def _reap(ended: dict[int, int]) -> bool:
    """Add the children that have ended with their status; return whether there are others."""
    try:
        while True:
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
            code = os.waitstatus_to_exitcode(wait_status)
            ended[pid] = code if code >= 0 else 128 - code
    except ChildProcessError:
        return False


def _end_descendants() -> None:
    """Kill all that the command left behind; stopped first: a fork bomb would outrun us.

    Only the kernel's word that we have no children ends this: a look into /proc misses a process
    whose parent ends while we look.
    """
    until = time.monotonic() + _KILL_S
    while _reap({}) and time.monotonic() < until:
        frozen: set[int] = set()
        while new := _descendants() - frozen:
            _signal_all(new, signal.SIGSTOP)
            frozen |= new
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
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - see the imports
            state = file.read()
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
                tasks += os.stat(f"{entry.path}/task").st_nlink - 2  # noqa: PTH116 - the same
        except OSError:
            continue
    return tasks
