"""The agent host in the test's own process: a real zygote forks real workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from jidoka.agent.workers import Workers
from jidoka.agent.zygote_link import ZygoteLink, adopt_orphans
from jidoka.agent.zygote_protocol import WorkerSettings
from jidoka.contract.internal import WorkerExited


@dataclass
class TestHost:
    """A host and what its workers' ends were reported as."""

    __test__ = False
    workers: Workers
    exits: asyncio.Queue[WorkerExited] = field(default_factory=asyncio.Queue)


@asynccontextmanager
async def running_host(nats_url: str, home: str = "") -> AsyncGenerator[TestHost]:
    """Run a host with its zygote."""
    adopt_orphans()
    async with asyncio.TaskGroup() as tasks:
        exits: asyncio.Queue[WorkerExited] = asyncio.Queue()
        workers = Workers("test", exits.put, tasks)
        settings = WorkerSettings(nats_url, "test", home=home)
        workers.zygote = ZygoteLink(settings, workers.zygote_saw_exit)
        watch = tasks.create_task(workers.watch_for_frozen())
        try:
            await workers.zygote.ensure()
            yield TestHost(workers, exits)
        finally:
            await workers.stop_all(0.0)
            workers.zygote.close()
            watch.cancel()
