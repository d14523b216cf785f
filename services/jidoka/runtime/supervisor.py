"""What a runtime does: broker, streams, programs, in this order; and all of it again when it dies.

A program that ends is started again, at first at once, then ever more slowly. A broker that ends
comes back on the same port and store, and the streams that it keeps in memory are made anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from jidoka.contract.errors import JidokaError, Unavailable, from_dict
from jidoka.runtime import broker, home
from jidoka.runtime.children import Child, Children
from jidoka.runtime.log import say
from jidoka.runtime.programs import MODULES, environment_of, named
from jidoka.settings import RuntimeSettings
from jidoka.settings.storage import room_in

FIRST_PAUSE_S: Final = 0.1
MOST_PAUSE_S: Final = 10.0
STEADY_S: Final = 30.0
"""What ran longer starts anew without a pause."""
BROKER_STOP_S: Final = 2.0
PREPARE_S: Final = 30.0
HEALTH_EVERY_S: Final = 2.0
ILL_TIMES: Final = 3
LOGS_EVERY_S: Final = 30.0


class Supervisor:
    """The broker and the programs of one home."""

    def __init__(
        self, settings: RuntimeSettings, owner: Mapping[str, str], children: Children
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._children = children
        self._address = broker.wanted(settings)
        self._running: dict[str, Child] = {}
        self._restarts: dict[str, int] = {}
        self._ready = False
        self._is_stale = False
        """The state could not be written as it is."""
        self._begun_at = time.time()

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Start all, call `ready` when it serves, keep it up until `stop` is set, then end it.

        Raises:
            JidokaError: it could not be started; nothing is left running.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(ready), name="broker and programs")
                tasks.create_task(_end_when(stop, work), name="the wish to stop")
        except BaseExceptionGroup as group:
            known, other = group.split(JidokaError)
            if known is None or other is not None:
                raise
            raise _first(known) from None  # `except*` of early 3.11 would wrap it in a group
        finally:
            await self._end_all()

    async def _work(self, ready: Callable[[], None]) -> None:
        await self._start_broker()
        preparation = await self._prepare()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(broker.NAME, self._restart_broker), name=broker.NAME)
            tasks.create_task(self._watch_broker(), name="the broker's health")
            tasks.create_task(self._bound_logs(), name="the size of the logs")
            for name in named(self._settings.programs):
                await self._start_program(name)
                restart = self._restarter(name)
                tasks.create_task(self._keep(name, restart), name=name)
            await self._until_ready(preparation)
            self._ready = True
            self._write_state()
            ready()

    # --- the broker ----------------------------------------------------------------------------

    async def _start_broker(self) -> None:
        command = broker.configure(self._settings, self._address)
        log = home.log_file(self._settings, broker.NAME)
        child = self._children.start(broker.NAME, command, broker.ENVIRONMENT, log)
        self._running[broker.NAME] = child
        self._address = await broker.listening(self._settings, child)
        await broker.check(self._address)
        self._write_state()

    async def _restart_broker(self) -> None:
        await self._start_broker()
        await self._prepare("--streams-only")

    async def _watch_broker(self) -> None:
        """End a broker that has been ill for a while; it is started anew as any that ended.

        Without space it would only fall ill again, so it is left until there is some.
        """
        ill = 0
        while True:
            await asyncio.sleep(HEALTH_EVERY_S)
            if self._is_stale:
                self._write_state()
            why = await broker.ails(self._address)
            ill = ill + 1 if why else 0
            if ill >= ILL_TIMES and room_in(self._settings.home).state != "full":
                say("ill", program=broker.NAME, why=why)
                await self._running[broker.NAME].end(BROKER_STOP_S)
                ill = 0

    async def _bound_logs(self) -> None:
        while True:
            home.bound_logs(self._settings)
            await asyncio.sleep(LOGS_EVERY_S)

    async def _prepare(self, *arguments: str) -> Child:
        """Start the preparation; return when the streams are there."""
        command = [sys.executable, "-m", "jidoka.runtime.prepare", *arguments]
        environment = self._environment("prepare")
        log = home.log_file(self._settings, "runtime")
        child = self._children.start("prepare", command, environment, log, piped=True)
        await _word(child, "ensured", PREPARE_S)
        return child

    # --- the programs --------------------------------------------------------------------------

    async def _start_program(self, name: str) -> None:
        command = [sys.executable, "-m", MODULES[name]]
        log = home.log_file(self._settings, name)
        child = self._children.start(name, command, self._environment(name), log)
        self._running[name] = child
        self._write_state()

    def _restarter(self, name: str) -> Callable[[], Awaitable[None]]:
        return lambda: self._start_program(name)

    async def _until_ready(self, preparation: Child) -> None:
        try:
            await _word(preparation, "ready", self._settings.start_timeout_s)
        except Unavailable as problem:
            log = self._settings.log_folder
            raise Unavailable(part="the programs", why=f"{problem.why}; logs in {log}") from None

    async def _keep(self, name: str, restart: Callable[[], Awaitable[None]]) -> None:
        """Have `name` running for ever."""
        pause, begun = FIRST_PAUSE_S, time.monotonic()
        while True:
            status = await self._running[name].ended()
            if time.monotonic() - begun > STEADY_S:
                pause = FIRST_PAUSE_S
            say("ended", program=name, status=status, again_in_s=pause)
            await asyncio.sleep(pause)
            self._children.end_strays()
            pause = min(pause * 2, MOST_PAUSE_S)
            begun = time.monotonic()
            self._restarts[name] = self._restarts.get(name, 0) + 1
            try:
                await restart()
            except (OSError, JidokaError) as problem:
                say("not started", program=name, why=str(problem))
                await self._running[name].end(BROKER_STOP_S)

    # --- all of it -------------------------------------------------------------------------------

    async def _end_all(self) -> None:
        """End the programs together, then the broker, then what anybody left behind."""
        grace_s = max(self._settings.stop_s - 2 * BROKER_STOP_S, BROKER_STOP_S)
        last = self._running.pop(broker.NAME, None)
        async with asyncio.TaskGroup() as tasks:
            for child in self._running.values():
                tasks.create_task(child.end(grace_s), name=f"end {child.name}")
        if last is not None:
            await last.end(BROKER_STOP_S)
        self._children.end_the_rest()
        home.forget_state(self._settings)

    def _environment(self, name: str) -> dict[str, str]:
        return environment_of(
            name,
            self._owner,
            home=str(self._settings.home),
            nats_url=broker.nats_url(self._settings, self._address),
            profile=self._settings.profile,
        )

    def _write_state(self) -> None:
        programs: list[dict[str, Any]] = [
            {"name": name, "pid": child.pid, "restarts": self._restarts.get(name, 0)}
            for name, child in self._running.items()
        ]
        state = {
            "pid": os.getpid(),
            "ready": self._ready,
            "begun_at": self._begun_at,
            "home": str(self._settings.home),
            "nats_url": broker.nats_url(self._settings, self._address),
            "monitor_url": f"http://{broker.HOST}:{self._address.monitor_port}",
            "programs": programs,
        }
        try:
            home.write_state(self._settings, state)
        except OSError as problem:
            if not self._is_stale:
                say("the state is not written", why=str(problem))
            self._is_stale = True
        else:
            self._is_stale = False


async def _end_when(stop: asyncio.Event, work: asyncio.Task[None]) -> None:
    await stop.wait()
    work.cancel()


def _first(group: BaseExceptionGroup[JidokaError]) -> JidokaError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


async def _word(child: Child, wanted: str, timeout_s: float) -> None:
    """Return when the preparation printed `wanted`.

    Raises:
        JidokaError: it printed an error instead, or ended, or said nothing in time.
    """
    reader = await child.lines()
    line = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            line = await reader.readline()
    if line.strip() == wanted.encode():
        return
    if line.startswith(b"{"):
        raise from_dict(json.loads(line)["error"])
    why = f"not {wanted} after {timeout_s:g} s" if not line else "the preparation ended"
    raise Unavailable(part="the runtime", why=why)
