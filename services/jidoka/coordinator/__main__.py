"""The program coordinator: settings, adapters, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time

from jidoka import telemetry
from jidoka.bus.buckets import Snapshots
from jidoka.bus.connection import Bus, connect
from jidoka.bus.durability import verify
from jidoka.bus.ensure import ensure, keep
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.inbox import Inbox
from jidoka.bus.models import GatewayModels
from jidoka.bus.storage_limits import limits_of
from jidoka.contract.errors import JidokaError
from jidoka.contract.ids import uuid7
from jidoka.coordinator.asking import Asking
from jidoka.coordinator.contexts import HostContexts
from jidoka.coordinator.door import Door
from jidoka.coordinator.durable import applying
from jidoka.coordinator.folds import Folds, Sources
from jidoka.coordinator.manager import Manager
from jidoka.coordinator.service import Coordinator
from jidoka.coordinator.soundness import Soundness
from jidoka.coordinator.storage import Storage
from jidoka.coordinator.turn_diff import HostDiffs
from jidoka.settings import CoordinatorSettings, load, required_nats_url

PATIENCE_S = 30.0
log = logging.getLogger(__name__)


async def serve(settings: CoordinatorSettings) -> None:
    """Serve until SIGTERM or SIGINT; commands in work then have 4 s to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    url, name = required_nats_url(settings), f"coordinator-{os.getpid()}"
    async with await connect(url, name=name, patience_s=PATIENCE_S) as bus:
        limits = limits_of(settings.store_limit_bytes, settings.replicas)
        await verify(bus, settings.broker_durability, settings.broker_monitor_url)
        await ensure(bus, limits)
        soundness = Soundness(bus)
        coordinator = compose(settings, bus, soundness)
        inbox = Inbox(bus, applying(coordinator), holder=f"{socket.gethostname()}-{name}")
        async with (
            asyncio.TaskGroup() as tasks,
            soundness.listening(),
            Door(url, f"{name}-door", bus, coordinator),
        ):
            working = [
                tasks.create_task(inbox.run(), name="inbox"),
                tasks.create_task(keep(bus, limits), name="streams"),
            ]
            telemetry.logger().info("ready")
            await stop.wait()
            for task in working:
                task.cancel()


def compose(settings: CoordinatorSettings, bus: Bus, soundness: Soundness) -> Coordinator:
    """Return the coordinator with every port paired."""
    events = NatsEventLog(bus)
    return Coordinator(
        events,
        Folds(Sources(events, Snapshots(bus), time.monotonic, soundness.check)),
        Manager(bus),
        Asking(GatewayModels(bus), HostDiffs(bus), HostContexts(bus)),
        source=f"/jidoka/coordinator/{os.getpid()}",
        new_id=lambda: uuid7(time.time_ns() // 1_000_000, os.urandom(10)),
        inbox_limit=settings.inbox_limit,
        storage=Storage(settings.store_folder),
    )


def main() -> int:
    """Run the program; return its exit code."""
    try:
        settings = load(CoordinatorSettings, os.environ)
        telemetry.configure("coordinator", settings)
        asyncio.run(serve(settings))
    except JidokaError as problem:
        sys.stderr.write(f"{problem.message}\n")
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
