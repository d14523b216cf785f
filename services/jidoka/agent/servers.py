"""The MCP servers of a worker: kept running as long as the log has them, their tools beside ours.

A server that dies or lies fails its own tools only. It is started again, five times with growing
pauses; one that ran for a minute is given its tries back. Whoever removes a server, or ends the
worker, ends its process with it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from jidoka.agent.recorder import Recorder, Unwanted
from jidoka.contract.errors import JidokaError, McpNotReady, ToolUnknown
from jidoka.contract.events import McpConnected, McpDelayed
from jidoka.contract.events import McpFailed as McpFailedEvent
from jidoka.contract.mcp import McpServer, server_of
from jidoka.core.budget import error_info
from jidoka.core.effects import KeepServer
from jidoka.core.servers import Server, told_of
from jidoka.core.state import SessionState
from jidoka.core.tooling import EffectClass, Tool, ToolContext
from jidoka.tools.mcp_tool import McpResource, McpTool
from jidoka.tools.toolbox import Toolbox

if TYPE_CHECKING:
    from jidoka.tools.mcp_link import McpLink

log = logging.getLogger(__name__)

MOST_TRIES = 5
_PAUSE_S = 1.0
_LIVED_S = 60.0
_SLOW_S = 1.0
"""Whoever waits for longer is told for what."""
START_S = 10.0
"""So long does the model wait for a server's first start; it has the tools of a later one then."""
_NEWS_S = 0.1
"""From a server's news of other tools to the question which; the second time twice as long."""

Contexts = Callable[[SessionState, EffectClass, Callable[[str], None]], ToolContext]


@dataclass(slots=True)
class Servers:
    """Runs the servers of one worker."""

    recorder: Recorder
    context: Contexts
    learn: Callable[[Iterable[str]], None]
    """Takes the values that a server is given, which are struck out of all that is stored."""
    _boxes: dict[str, Toolbox] = field(default_factory=dict[str, Toolbox])
    """The tools of the servers that answer, by server."""

    def box(self, name: str) -> Toolbox | None:
        """Return the tools of a server that answers."""
        return self._boxes.get(name)

    async def keep(self, effect: KeepServer) -> None:
        """Keep a server running until that is not wanted any more; then its process is gone."""
        loop = asyncio.get_running_loop()
        tries = 0
        while tries < MOST_TRIES:
            tries += 1
            began_s = loop.time()
            async with self._patience(effect, tries) as met:
                problem = await self._once(effect, met)
            if loop.time() - began_s > _LIVED_S:
                tries = 1
            await self._failed(effect, problem, tries)
            await asyncio.sleep(_PAUSE_S * 2 ** (tries - 1))
        await asyncio.Event().wait()

    @asynccontextmanager
    async def _patience(
        self, effect: KeepServer, attempt: int
    ) -> AsyncGenerator[Callable[[], Awaitable[None]]]:
        """Record that a server is late when it is; yield what is called before it is offered."""
        late = asyncio.create_task(self._late(effect, attempt), name=f"mcp late {effect.name}")

        async def met() -> None:
            late.cancel()
            await asyncio.gather(late, return_exceptions=True)

        try:
            yield met
        finally:
            await met()

    async def _late(self, effect: KeepServer, attempt: int) -> None:
        """Say that a server is slow, and let the model go on without it, once a worker."""
        if attempt == 1:
            await asyncio.sleep(_SLOW_S)
            delayed = McpDelayed(server_name=effect.name)
            await self.recorder.record(effect, lambda _state: delayed)
            await asyncio.sleep(START_S - _SLOW_S)
            state = f"still starting after {START_S:g} s; its tools join when it answers"
            await self._failed(effect, McpNotReady(server=effect.name, state=state), attempt)

    async def _once(self, effect: KeepServer, met: Callable[[], Awaitable[None]]) -> JidokaError:
        """Run the server until it is lost; return why."""
        server = self._server(effect)
        try:
            async with self._linked(server.config) as link, aclosing(_news(link)) as news:
                told = None
                async for _ in news:
                    told = await self._met(effect, link, told, met)
                return McpNotReady(server=effect.name, state=f"gone: {link.lost}")
        except (JidokaError, Unwanted) as problem:
            if isinstance(problem, Unwanted):
                raise
            return problem
        except Exception as problem:  # noqa: BLE001 - a stranger makes the library raise anything
            return McpNotReady(server=effect.name, state=f"not reachable: {_words(problem)}")
        finally:
            self._boxes.pop(effect.name, None)

    async def _met(
        self,
        effect: KeepServer,
        link: McpLink,
        told: McpConnected | None,
        met: Callable[[], Awaitable[None]],
    ) -> McpConnected:
        """Offer the server's tools, and record which, unless `told` says the same."""
        offers, left_out = await link.offers()
        await met()
        box = Toolbox(McpTool(link, offer) for offer in offers)
        if link.has_resources:
            box.add(McpResource(link, await link.resources()))
        self._boxes[effect.name] = box
        specs = tuple(box.specs_for_model())
        known = self.recorder.session.transcript.briefing.servers.get(effect.name)
        event = McpConnected(
            server_name=effect.name,
            tools=box.names,
            left_out=left_out,
            specs=None if specs == known else specs,
        )
        if told is None or event != told.model_copy(update={"specs": None}):
            await self.recorder.record(effect, lambda _state: event)
        return event

    async def _failed(self, effect: KeepServer, problem: JidokaError, attempt: int) -> None:
        log.warning("MCP server %s: %s", effect.name, problem)
        event = McpFailedEvent(server_name=effect.name, error=error_info(problem), attempt=attempt)
        await self.recorder.record(effect, lambda _state: event)

    @asynccontextmanager
    async def _linked(self, config: McpServer) -> AsyncGenerator[McpLink]:
        context = self.context(self.recorder.session.state, EffectClass.EFFECT, _unseen)
        values = _values(config)
        self.learn(values.values())
        # half a second of work and many megabytes: for sessions that have a server
        module = await asyncio.to_thread(importlib.import_module, "jidoka.tools.mcp_link")
        async with module.linked(config, values, context) as link:
            yield link

    def _server(self, effect: KeepServer) -> Server:
        for server in self.recorder.session.state.servers:
            if server.name == effect.name and server.added_at == effect.added_at:
                return server
        raise Unwanted(effect)


@dataclass(slots=True)
class SessionTools:
    """The tools of a session: ours, and those of its servers that answer."""

    own: Toolbox
    servers: Servers

    def get(self, name: str) -> Tool:
        """Return a tool.

        Raises:
            ToolUnknown: nobody has it. McpNotReady: its server does not answer now.
        """
        return self._box(name).get(name)

    def checked(self, name: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return arguments that fit the tool's schema; raises `ToolArgsInvalid`."""
        box = self._box(name)
        if box is self.own:
            return box.checked(name, args)
        try:
            return box.checked(name, args)
        except (AttributeError, TypeError, KeyError):  # its schema is none: the server may check
            return args

    def specs_for_model(self) -> list[dict[str, Any]]:
        """Return all tools as OpenAI's function tools; servers' as the log has them."""
        known = self.servers.recorder.session.transcript.briefing.servers
        return [*self.own.specs_for_model(), *told_of(self._known(), known)]

    def _box(self, name: str) -> Toolbox:
        there = {server.name: server for server in self._known()}
        server = there.get(server_of(name) or "")
        if server is None and name not in self.own.names:
            theirs = (tool for each in there.values() for tool in each.tools)
            raise ToolUnknown(tool=name[:200], known=(*self.own.names, *theirs))
        if server is None:
            return self.own
        box = self.servers.box(server.name)
        if box is None:
            problem = server.problem
            why = problem.details.get("state", problem.message) if problem else "starting"
            raise McpNotReady(server=server.name, state=str(why))
        return box

    def _known(self) -> tuple[Server, ...]:
        return self.servers.recorder.session.state.servers


async def _news(link: McpLink) -> AsyncGenerator[None]:
    """Yield at once, then whenever the server has other tools; end when it is lost.

    Whoever has news without end is heard once a minute.
    """
    loop, pause_s = asyncio.get_running_loop(), _NEWS_S
    while link.lost is None:
        link.news.clear()
        met_s = loop.time()
        yield
        await link.news.wait()
        quiet = loop.time() - met_s > _LIVED_S
        pause_s = _NEWS_S if quiet else min(2 * pause_s, _LIVED_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await link.gone.wait()


def _values(config: McpServer) -> dict[str, str]:
    """Return the values of the variables and headers that a server is given.

    Raises:
        McpNotReady: the agent host has no such variable.
    """
    wanted = config.variables or config.headers
    missing = sorted({name for name in wanted.values() if name not in os.environ})
    if missing:
        state = f"not started: the agent host has no {', '.join(missing)}"
        raise McpNotReady(server=config.name, state=state)
    return {name: os.environ[reference].strip() for name, reference in wanted.items()}


def _words(problem: BaseException) -> str:
    """Return what a library's error says; of a group, the first in it."""
    while isinstance(problem, BaseExceptionGroup):
        problem = cast("BaseExceptionGroup[BaseException]", problem).exceptions[0]
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if type(problem).__name__ == "ConnectError":  # of httpx2, which only the link imports
        return f"no connection to its address, {problem}"[:500]
    return f"{type(problem).__name__}: {problem}"[:500].removesuffix(".")


def _unseen(_text: str) -> None:
    """What a server prints as errors is read when it fails."""
