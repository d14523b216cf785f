"""The program session-manager: settings, adapters, a lease, and leading while it is ours.

python -m jidoka.session_manager                              serve
python -m jidoka.session_manager rebuild [--registry FILE]    make the registry anew
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, cast

from jidoka import telemetry
from jidoka.bus.connection import Bus, connect
from jidoka.bus.durability import verify
from jidoka.bus.ensure import ensure
from jidoka.bus.lease import Lease
from jidoka.bus.storage_limits import limits_of
from jidoka.contract.errors import JidokaError, StorageFull, StorageNotWritable
from jidoka.contract.ids import uuid7
from jidoka.session_manager.leader import lead
from jidoka.session_manager.rebuilding import rebuild
from jidoka.settings import SessionManagerSettings, load, required_nats_url
from jidoka.settings.storage import room_in
from jidoka.store.registry import SqliteRegistry

PATIENCE_S: Final = 30.0
LEAVE_S: Final = 8.0
"""How long the end of a term may take before it is cut short."""
REGISTRY_AGAIN_S: Final = 3.0
"""Who finds no room for its registry stands back: another one may be able to lead."""
LEASE: Final = "session-manager"


async def serve(settings: SessionManagerSettings) -> None:
    """Serve until SIGTERM or SIGINT: stand by, lead, and stand by again when the lease is lost."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    name = f"{os.getpid()}-{os.urandom(4).hex()}"
    url = required_nats_url(settings)
    async with (
        await connect(url, name=f"session-manager-{name}", patience_s=PATIENCE_S) as bus,
        # its renewals wait behind nothing, such as all events while the registry is made anew
        await connect(url, name=f"session-manager-{name}-lease", patience_s=PATIENCE_S) as renewing,
    ):
        await verify(bus, settings.broker_durability, settings.broker_monitor_url)
        await ensure(bus, limits_of(settings.store_limit_bytes, settings.replicas))
        while not stop.is_set():
            lease = Lease(renewing, LEASE, name, ttl_s=settings.lease_ttl_s)
            try:
                if await _unless(stop, lease.acquire()):
                    await _term(settings, bus, lease, name, stop)
            except (StorageFull, StorageNotWritable) as problem:
                if room_in(settings.registry.parent).state != "full":
                    raise
                telemetry.logger().error("no registry, no lead", why=problem.message)
                await _unless(stop, asyncio.sleep(REGISTRY_AGAIN_S))
            finally:
                await lease.release()


async def _term(
    settings: SessionManagerSettings, bus: Bus, lease: Lease, name: str, stop: asyncio.Event
) -> None:
    """Lead until the lease is lost, leading fails, or `stop` is set."""
    async with AsyncExitStack() as stack:
        registry = await SqliteRegistry.open(settings.registry)
        stack.push_async_callback(registry.close)
        work = lead(settings, bus, registry, name, new_id=_new_id, leads=lambda: lease.is_ours)
        leading = asyncio.create_task(work, name="lead")
        ends = [
            leading,
            asyncio.create_task(lease.lost.wait(), name="lease lost"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.wait(ends, timeout=LEAVE_S)
        if leading.done() and not leading.cancelled():
            _take(leading.exception())


def _take(problem: BaseException | None) -> None:
    """Pass by what ended a term and may be over soon; raise everything else."""
    if problem is None:
        return
    if not all(_is_passing(each) for each in _leaves(problem)):
        raise problem
    telemetry.logger().warning("the lead was given up", why=str(problem))


def _leaves(problem: BaseException) -> list[BaseException]:
    """Return what is in a group, or the one problem itself."""
    if isinstance(problem, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", problem)
        return [leaf for each in group.exceptions for leaf in _leaves(each)]
    return [problem]


def _is_passing(problem: BaseException) -> bool:
    return isinstance(problem, JidokaError) and problem.retryable


async def _unless(stop: asyncio.Event, work: Awaitable[object]) -> bool:
    """Do `work` unless `stop` is set before it is done; return whether it was done."""
    tasks = [asyncio.ensure_future(work), asyncio.create_task(stop.wait(), name="stop")]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].done() and not stop.is_set()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="jidoka.session_manager", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    anew = commands.add_parser("rebuild", help="make the registry anew from the log")
    anew.add_argument("--registry", type=Path, default=None, help="the SQLite file")
    return parser.parse_args()


def main() -> int:
    """Run the program; return its exit code."""
    arguments = _arguments()
    try:
        settings = load(SessionManagerSettings, os.environ)
        telemetry.configure("session-manager", settings)
        if arguments.command == "rebuild":
            path = arguments.registry or settings.registry
            position = asyncio.run(rebuild(required_nats_url(settings), path))
            sys.stdout.write(f'{{"registry": "{path}", "position": {position}}}\n')
            return 0
        asyncio.run(serve(settings))
    except JidokaError as problem:
        sys.stderr.write(f"{problem.message}\n")
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
