"""Whether the broker syncs to the disk before it acknowledges: asked where it can be seen.

A client's connection does not show it: neither the greeting nor JetStream's interface says how a
server syncs, and `$SYS` is for the system account, which has no streams. The monitoring port says
it, in `/varz`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.request
from typing import Any, Final, Literal

from jidoka.bus.connection import Bus
from jidoka.contract.errors import Unavailable

log = logging.getLogger(__name__)

ASK_S: Final = 5.0
MOST_BYTES: Final = 4 * 1024 * 1024
PART: Final = "a durable broker"

Durability = Literal["auto", "verified", "trusted"]


async def verify(bus: Bus, durability: Durability, monitor_url: str | None) -> None:
    """Return if what the broker acknowledges may count as kept.

    `auto` refuses a broker that is seen not to sync, `verified` also one that cannot be seen.

    Raises:
        Unavailable: it may not; with what to do about it.
    """
    if durability == "trusted":
        return
    if monitor_url is None:
        why = "it cannot be seen whether this one syncs: set JIDOKA_BROKER_MONITOR_URL"
        if durability == "verified":
            raise Unavailable(part=PART, why=f"{why}, or JIDOKA_BROKER_DURABILITY=trusted")
        log.warning("%s to its http port, as http://127.0.0.1:8222", why)
        return
    said = await asyncio.to_thread(asked, monitor_url)
    if not _is_the_same(said, bus):
        raise Unavailable(part=PART, why=f"{monitor_url} is the monitor of another broker")
    if not syncs(said):
        how = "set `sync_interval: always` in its block `jetstream`"
        why = f"this one acknowledges before it has synced: {how}, or JIDOKA_BROKER_DURABILITY"
        raise Unavailable(part=PART, why=f"{why}=trusted to lose the last moments in a power cut")


def asked(monitor_url: str) -> dict[str, Any]:
    """Return what a broker says of itself on its monitoring port; blocks for 5 s at most.

    Raises:
        Unavailable: it says nothing.
    """
    address = f"{monitor_url.rstrip('/')}/varz"
    try:
        with urllib.request.urlopen(address, timeout=ASK_S) as answer:  # noqa: S310 - the owner's
            return json.loads(answer.read(MOST_BYTES))
    except (OSError, ValueError) as problem:
        raise Unavailable(part=address, why=str(problem)) from None


def syncs(said: dict[str, Any]) -> bool:
    """Tell whether a broker that says this syncs before it acknowledges."""
    try:
        return said["jetstream"]["config"]["sync_always"] is True
    except (KeyError, TypeError):
        return False  # it says so only where it does


def _is_the_same(said: dict[str, Any], bus: Bus) -> bool:
    """Tell whether it is the server that we are connected to, or one of a cluster with it."""
    # nats-py offers no other way
    ours = bus.client._server_info.get("server_id")  # pyright: ignore[reportPrivateUsage]
    return bool(said.get("cluster", {}).get("name")) or said.get("server_id") == ours
