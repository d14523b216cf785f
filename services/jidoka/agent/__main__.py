"""The program agent-host: settings, adapters, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jidoka import telemetry
from jidoka.agent.host import Host
from jidoka.agent.tenure import Tenure
from jidoka.agent.tidying import tidy
from jidoka.agent.workers import Workers
from jidoka.agent.zygote_link import ZygoteLink, adopt_orphans
from jidoka.agent.zygote_protocol import WorkerSettings
from jidoka.bus.buckets import HostDirectory
from jidoka.bus.connection import Bus, connect
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import ContextAsked, WorkerExited
from jidoka.contract.replies import ContextReport
from jidoka.contract.subjects import WORKER_EXITED, host_requests, name_of
from jidoka.core.rules import parse_rules
from jidoka.settings import AgentSettings, load, required_nats_url

if TYPE_CHECKING:  # before `jidoka.bus` it would load what that leaves out
    from nats.aio.msg import Msg

log = logging.getLogger(__name__)

DRAIN_S = 8.0
PATIENCE_S = 30.0
_REPORT_TRIES = 120
_REPORT_AGAIN_S = 0.25
_REQUEST_S = 2.0


async def serve(settings: AgentSettings) -> None:
    """Serve until SIGTERM or SIGINT; the workers then have 8 s to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    adopt_orphans()
    url, name = required_nats_url(settings), settings.host_name
    bus = await connect(url, name=f"agent-host-{name}", patience_s=PATIENCE_S)
    async with bus, asyncio.TaskGroup() as tasks:
        workers = _workers(bus, settings, url, tasks, stop)
        host = _host(settings, workers, bus)
        background = await _begin(bus, host, tasks)
        telemetry.logger().info("ready", host=name)
        await stop.wait()
        for task in background:
            task.cancel()
        with suppress(JidokaError):  # first, so that nobody sends a worker here any more
            await HostDirectory(bus).leave(name)
        await workers.stop_all(DRAIN_S)
        workers.zygote.close()


def _host(settings: AgentSettings, workers: Workers, bus: Bus) -> Host:
    async def look(asked: ContextAsked) -> ContextReport:
        from jidoka.agent.looking import context_of  # noqa: PLC0415 - seldom asked

        return await context_of(asked, bus, settings.fetch_hosts)

    folders = tuple(os.path.realpath(folder) for folder in settings.shared_folders)
    capacity, lease_s = settings.worker_capacity, settings.host_lease_s
    home = os.path.realpath(settings.home)
    rules = settings.permission_rules
    return Host(settings.host_name, workers, capacity, folders, lease_s, home, look, rules)


def _workers(
    bus: Bus, settings: AgentSettings, url: str, tasks: asyncio.TaskGroup, stop: asyncio.Event
) -> Workers:
    async def report(exited: WorkerExited) -> None:
        await _report(bus, exited, stop)

    workers = Workers(settings.host_name, report, tasks)
    folders = [str(folder) for folder in settings.tool_folders]
    shared = WorkerSettings(
        url,
        settings.host_name,
        settings.sandbox,
        folders,
        settings.fetch_hosts,
        os.path.realpath(settings.home),
        settings.permission_rules,
        settings.diagnostics,
    )
    workers.zygote = ZygoteLink(shared, workers.zygote_saw_exit, workers.zygote_is_gone)
    return workers


async def _begin(bus: Bus, host: Host, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
    await host.workers.zygote.ensure()

    async def answer(message: Msg) -> None:
        tasks.create_task(_answer(bus, host, message), name=message.subject)

    await bus.subscribe(host_requests(host.name), answer)
    await bus.barrier()
    tenure = Tenure(HostDirectory(bus), host)
    return [
        tasks.create_task(tenure.beat(), name="beat"),
        tasks.create_task(tenure.end_when_over(), name="lease"),
        tasks.create_task(host.workers.watch_for_frozen(), name="frozen"),
        tasks.create_task(tidy(bus, Path(host.home)), name="tidy"),
    ]


async def _answer(bus: Bus, host: Host, message: Msg) -> None:
    reply = await host.answer(name_of(message.subject), message.data)
    await bus.publish(message.reply, reply.model_dump_json().encode())


async def _report(bus: Bus, exited: WorkerExited, stop: asyncio.Event) -> None:
    """Tell the session-manager until it has heard, or this host ends too: then it sees that."""
    body = exited.model_dump_json().encode()
    for _ in range(_REPORT_TRIES):
        try:
            await bus.request(WORKER_EXITED, body, _REQUEST_S)
        except JidokaError:
            if stop.is_set():
                return
            await asyncio.sleep(_REPORT_AGAIN_S)
        else:
            return
    log.warning("nobody heard that the worker of %s is gone", exited.session_id)


def main() -> int:
    """Run the program; return its exit code."""
    try:
        settings = load(AgentSettings, os.environ)
        telemetry.configure("agent-host", settings)
        parse_rules(settings.permission_rules, "permission_rules")
        asyncio.run(serve(settings))
    except JidokaError as problem:
        sys.stderr.write(f"{problem.message}\n")
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
