"""What host and zygote agree on. Light, so that the host need not load what workers load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

PACKET_BYTES = 64 * 1024
"""The longest packet between them."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What all workers of a host share; the first packet to a new zygote."""

    nats_url: str = field(repr=False)
    host: str
    sandbox: str = "auto"
    tool_folders: Sequence[str] = ()
    fetch_hosts: Sequence[str] = ()
    home: str = ""
    """Jidoka's folder, where the snapshots of turns are kept."""
    permission_rules: Sequence[str] = ()
    diagnostics: str = "auto"
