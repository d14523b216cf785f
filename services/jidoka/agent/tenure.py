"""How long this host may keep its workers: as long as the broker hears it.

A session in a folder that other machines have too is given to one of them when this host is silent
for longer than its lease. So a host that is cut off ends those workers by itself before that, by
its own monotonic clock. The others it keeps: nobody else may take them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from jidoka.agent.host import Host
from jidoka.bus.buckets import HostDirectory
from jidoka.contract.errors import JidokaError

log = logging.getLogger(__name__)

BEAT_S: Final = 1.0
LOOK_S: Final = 0.25


class Tenure:
    """The signs of life of one host, and what it does when nobody hears them."""

    def __init__(self, directory: HostDirectory, host: Host) -> None:
        self._directory = directory
        self._host = host
        self._until_s = _now_s() + host.lease_s

    async def beat(self) -> None:
        """Say every second that this host lives, for ever."""
        while True:
            began_s = _now_s()
            try:
                await self._directory.beat(self._host.beat())
            except JidokaError as problem:
                log.warning("no sign of life could be given: %s", problem.code)
            else:
                self._until_s = began_s + self._host.lease_s
            await asyncio.sleep(BEAT_S)

    async def end_when_over(self) -> None:
        """End the workers in shared folders whenever the lease is over, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if _now_s() < self._until_s:
                continue
            ended = await self._host.workers.stop_beneath(self._host.shared_folders)
            if ended:
                log.warning("cut off for %g s: %d workers ended", self._host.lease_s, ended)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
