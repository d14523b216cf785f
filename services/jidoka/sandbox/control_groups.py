"""Control groups, where they can be written: memory and processes of a command as a whole.

Limits of single processes (`limits.py`) hold everywhere, but a command may start many, and for root
the number of processes has no limit of that kind at all. A group counts them together, and the
temporary files in memory too. Version 1 has a tree for each resource, version 2 one for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jidoka.core.tooling import Limits

ROOT = Path("/sys/fs/cgroup")
_ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 121; shift; done; shift; exec "$@"'
_REMOVE_TRIES = 100
_PAUSE_S = 0.02
_PREFIX = "jidoka-"
_OLD_S = 60.0
"""A younger group may be in the making, in another container whose processes we do not see."""
_TRY_S = 5


@dataclass(frozen=True, slots=True)
class Group:
    """The group of one command."""

    version: int
    memory: Path
    processes: Path

    def entered(self, argv: list[str]) -> list[str]:
        """Return the argv that joins the group and then becomes `argv`."""
        return ["/bin/sh", "-c", _ENTER, "jidoka", *self.doors(), "--", *argv]

    def doors(self) -> list[str]:
        """Return the files that a process writes 0 into in order to join."""
        return [str(folder / "cgroup.procs") for folder in self._folders()]

    def limit(self, limits: Limits) -> None:
        """Set the limits; raises `OSError` where the kernel does not take them."""
        names = (
            ("memory.limit_in_bytes", "pids.max")
            if self.version == 1
            else (
                "memory.max",
                "pids.max",
            )
        )
        wanted = (limits.memory_bytes, limits.processes)
        for folder, name, value in zip((self.memory, self.processes), names, wanted, strict=True):
            if value is not None:
                _set(folder / name, value)
        with contextlib.suppress(OSError):  # without swap there is nothing to limit
            _set(self.memory / "memory.swap.max", 0)

    def reached(self) -> str | None:
        """Return the limit that the command ran into, None for none."""
        oom = "memory.oom_control" if self.version == 1 else "memory.events"
        if _count(self.memory / oom, "oom_kill"):
            return "memory"
        return "processes" if _count(self.processes / "pids.events", "max") else None

    async def remove(self) -> None:
        """End who is left in the group, and remove it; they may take a moment to leave.

        A bubblewrap that is killed on its way up leaves a process that waits for it for ever.
        """
        for folder in self._folders():
            for _ in range(_REMOVE_TRIES):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    _end_all_in(folder)
                    await asyncio.sleep(_PAUSE_S)

    def drop(self) -> None:
        """Remove what there is of the group; for one that holds no process."""
        for folder in self._folders():
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _folders(self) -> list[Path]:
        return list(dict.fromkeys((self.memory, self.processes)))


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """Where groups can be made on this machine."""

    version: int
    memory: Path
    processes: Path

    @contextlib.asynccontextmanager
    async def group(self, limits: Limits) -> AsyncGenerator[Group]:
        """Have a group with `limits`, and remove it afterwards."""
        group = self._make(limits)
        try:
            yield group
        finally:
            await asyncio.shield(group.remove())

    def _make(self, limits: Limits) -> Group:
        name = f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
        group = Group(self.version, self.memory / name, self.processes / name)
        try:
            for folder in dict.fromkeys((group.memory, group.processes)):
                folder.mkdir()
            group.limit(limits)
        except OSError:
            group.drop()
            raise
        return group

    def try_out(self) -> None:
        """Make a group, run a process in it and remove it; raises `OSError` if that fails."""
        group = self._make(Limits())
        try:
            subprocess.run(group.entered(["true"]), check=True, timeout=_TRY_S, capture_output=True)
        except subprocess.SubprocessError as error:
            raise OSError(str(error)) from None
        finally:
            group.drop()


def find_control_groups() -> tuple[ControlGroups | None, str]:
    """Return where groups can be made, and a sentence about it; found by making one."""
    reasons: list[str] = []
    for groups in _candidates(_own_paths()):
        try:
            groups.try_out()
        except OSError as error:
            reasons.append(f"version {groups.version}: {error.strerror or error}")
        else:
            return groups, f"control groups, version {groups.version}"
    return None, "; ".join(reasons) or "no control groups for memory and processes"


async def clear_groups_of(pid: int) -> None:
    """Remove the groups that a dead process has left; who is in them may take a moment to go."""
    for group in _found(f"{_PREFIX}{pid}-"):
        await group.remove()


def clear_old_groups() -> None:
    """Remove the groups that nobody uses any more: a host that is killed leaves its workers'."""
    since_s = time.time() - _OLD_S
    for group in _found(_PREFIX):
        pid = group.memory.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if not Path("/proc", pid).exists() and group.memory.stat().st_mtime < since_s:
                group.drop()


def _found(prefix: str) -> list[Group]:
    """Return the groups whose names begin so, one for each folder that they have."""
    places = {
        place: each.version
        for each in _candidates(_own_paths())
        for place in (each.memory, each.processes)
    }
    found: list[Group] = []
    for place, version in places.items():
        with contextlib.suppress(OSError):
            folders = [folder for folder in place.iterdir() if folder.name.startswith(prefix)]
            found += [Group(version, folder, folder) for folder in folders]
    return found


def _candidates(own: Mapping[str, str]) -> list[ControlGroups]:
    found: list[ControlGroups] = []
    if "memory" in own and "pids" in own:
        memory, pids = (ROOT / name / own[name].lstrip("/") for name in ("memory", "pids"))
        found.append(ControlGroups(1, memory, pids))
    if "" in own:
        # a group with processes of its own has no limited groups below it: go beside it
        beside = (ROOT / own[""].lstrip("/")).parent if own[""] != "/" else ROOT
        found += [ControlGroups(2, place, place) for place in dict.fromkeys((beside, ROOT))]
    return found


def _own_paths() -> dict[str, str]:
    """Return our group by resource; "" stands for the one tree of version 2."""
    paths: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            paths.update(dict.fromkeys(names.split(","), path))
    return paths


def _end_all_in(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for line in (folder / "cgroup.procs").read_text().splitlines():
            if int(line) > 1:  # 0 stands for one of another namespace
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(line), signal.SIGKILL)


def _set(file: Path, value: int) -> None:
    """Set a limit. Never makes the file: a folder where the kernel made none is no group."""
    fd = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


def _count(file: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            word, _, value = line.partition(" ")
            if word == name:
                return int(value)
    return 0
