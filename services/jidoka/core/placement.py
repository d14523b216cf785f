"""Which host gets a session's worker: one that surely has the session's folder, and has room.

    the host that had it before     always: its folder is there
    another one on that machine     at once: the lock on the folder keeps two workers apart
    one on another machine          where both name a shared folder above the session's, and the
                                    former one has been silent for longer than its lease, after
                                    which it has ended its workers by itself

Where there is none the session waits, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEASE_MARGIN_S = 2.0
"""So much longer than its lease a host has to be silent: its workers take a moment to end."""


@dataclass(frozen=True, slots=True)
class HostLoad:
    """A live host."""

    host: str
    workers: int
    capacity: int
    machine: str = ""
    shared_folders: tuple[str, ...] = ()
    """Folders that other machines have too, at the same path."""
    lease_s: float | None = None
    """After so long without the broker it ends its workers in those folders; None: never."""

    def lease_on(self, project_path: str) -> float | None:
        """Return its lease on a project; None where no other machine may ever take it over."""
        return self.lease_s if self.shares(project_path) else None

    def shares(self, project_path: str) -> bool:
        """Tell whether a project lies in one of its shared folders."""
        return any(is_beneath(project_path, folder) for folder in self.shared_folders)


@dataclass(frozen=True, slots=True)
class Former:
    """The host that had the session before."""

    host: str
    machine: str = ""
    lease_s: float | None = None
    """Its lease on the project."""
    silent_s: float = 0.0
    """Since it was heard, or since we listen."""

    @property
    def left_s(self) -> float | None:
        """How long another machine has to wait yet; None: for ever."""
        return None if self.lease_s is None else self.lease_s + LEASE_MARGIN_S - self.silent_s


def place(hosts: Sequence[HostLoad], project_path: str, former: Former | None = None) -> str | None:
    """Return the host for a worker, None when none that has the folder has room.

    The host that had the session before wins while it has room; otherwise the one with the lowest
    share of its places taken, then the first by name.
    """
    free = [host for host in _fitting(hosts, project_path, former) if host.workers < host.capacity]
    if former is not None and any(host.host == former.host for host in free):
        return former.host
    best = min(free, key=lambda h: (h.workers / h.capacity, h.host), default=None)
    return best.host if best else None


def _fitting(
    hosts: Sequence[HostLoad], project_path: str, former: Former | None
) -> Sequence[HostLoad]:
    sharing = [host for host in hosts if host.shares(project_path)]
    if former is None:
        return sharing or hosts
    near = [host for host in hosts if former.host == host.host or former.machine == host.machine]
    if (left_s := former.left_s) is None or left_s > 0:
        return near
    return [*near, *(host for host in sharing if host not in near)]


def is_beneath(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
