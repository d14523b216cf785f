"""Which host gets a session's worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostLoad:
    """A live host."""

    host: str
    workers: int
    capacity: int


def place(hosts: Sequence[HostLoad], previous: str | None = None) -> str | None:
    """Return the host for a worker, None when none has room.

    The host that had the session before wins while it has room, since its folder is there;
    otherwise the one with the lowest share of its places taken, then the first by name.
    """
    free = [host for host in hosts if host.workers < host.capacity]
    if any(host.host == previous for host in free):
        return previous
    best = min(free, key=lambda h: (h.workers / h.capacity, h.host), default=None)
    return best.host if best else None
