"""How much each store may take, and how many servers keep it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

_MIB: Final = 1024 * 1024
_HOSTS_AND_LEASES_BYTES: Final = 32 * _MIB


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """How much each store may take; the defaults are those of the local profile."""

    events_bytes: int = 4096 * _MIB
    commands_bytes: int = 64 * _MIB
    commands_waiting: int = 64
    """Of one kind and session."""
    live_bytes: int = 64 * _MIB
    live_age_s: int = 900
    projects_bytes: int = 64 * _MIB
    projects_age_s: int = 7 * 86_400
    dlq_bytes: int = 64 * _MIB
    snapshots_bytes: int = 1024 * _MIB
    answers_bytes: int = 256 * _MIB
    answers_age_s: int = 86_400
    hosts_age_s: int = 2
    blobs_bytes: int = 4096 * _MIB
    replicas: int = 1


DEFAULT_LIMITS: Final = StorageLimits()


def limits_of(store_limit_bytes: int | None, replicas: int = 1) -> StorageLimits:
    """Return the usual limits, each by the same share smaller where all must fit into a bound."""
    usual = dataclasses.replace(DEFAULT_LIMITS, replicas=replicas)
    on_disk = [
        field.name
        for field in dataclasses.fields(usual)
        if field.name.endswith("_bytes") and field.name != "live_bytes"
    ]
    whole = sum(getattr(usual, name) for name in on_disk) + _HOSTS_AND_LEASES_BYTES
    if store_limit_bytes is None or store_limit_bytes >= whole:
        return usual
    share = (store_limit_bytes - _HOSTS_AND_LEASES_BYTES) / whole
    smaller = {name: int(getattr(usual, name) * share) for name in on_disk}
    return dataclasses.replace(usual, **smaller)
