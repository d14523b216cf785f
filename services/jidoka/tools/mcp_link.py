"""A connection to an MCP server: its tools, calls, and its end.

What the server says is a stranger's word: how many tools it has, how long their descriptions are
and what it answers are bounded, and that a tool only reads is not believed. `mcp` takes a second to
import and much memory: only workers whose session has a server import this file.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolResult,
    ReadResourceResult,
    TextResourceContents,
)
from mcp_types import TextContent as Text
from mcp_types import ToolListChangedNotification as ToolsChanged

from jidoka.contract.errors import (
    McpFailed,
    McpNotReady,
    TooLarge,
    ToolFailed,
    ToolTimeout,
)
from jidoka.contract.mcp import McpServer
from jidoka.core.tooling import INLINE_BYTES, ToolContext
from jidoka.tools.mcp_http import http_transport
from jidoka.tools.mcp_offer import Offer, offer_of
from jidoka.tools.mcp_stdio import Program, sandboxed

HANDSHAKE_S = 30.0
LIST_S = 30.0
"""So long may it take to say what it has."""
CALL_S = 120.0
MOST_TOOLS = 128
MOST_PAGES = 16
MOST_TOLD_BYTES = 256 * 1024
"""Names, descriptions and schemas of all its tools: the log and the model hold them."""
MOST_RESULT_BYTES = 8 * 1024 * 1024
_LOST = (anyio.ClosedResourceError, anyio.BrokenResourceError, httpx2.HTTPError, OSError)


@dataclass(slots=True)
class McpLink:
    """A server that answers."""

    server: str
    client: Client
    program: Program | None
    """Its process; None where it is reached by HTTP."""
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """It has other tools now, or it is lost."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """It is lost."""
    lost: str | None = None
    """Why it answers no longer."""

    @property
    def has_resources(self) -> bool:
        """Whether there is something to be read."""
        return self.client.server_capabilities.resources is not None

    async def offers(self) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
        """Return its tools that can be offered, and the names of those that cannot.

        Raises:
            TimeoutError: it did not say all within 30 s; else what `mcp` raises.
        """
        async with asyncio.timeout(LIST_S):
            return await self._offers()

    async def _offers(self) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
        found: dict[str, Offer] = {}
        left_out: list[str] = []
        room = MOST_TOLD_BYTES
        cursor = None
        for _ in range(MOST_PAGES):
            page = await self.client.list_tools(cursor=cursor, cache_mode="refresh")
            for tool in page.tools:
                offer = offer_of(self.server, tool)
                full = len(found) >= MOST_TOOLS or (offer is not None and offer.size_bytes > room)
                if offer is None or offer.name in found or full:
                    left_out.append(tool.name[:64])
                else:
                    found[offer.name] = offer
                    room -= offer.size_bytes
            cursor = page.next_cursor
            if cursor is None:
                break
        return tuple(found.values()), tuple(left_out[:100])

    async def call(self, tool: str, args: Mapping[str, Any], context: ToolContext) -> str:
        """Return what a tool answered, as text.

        Raises:
            ToolFailed: the tool says that it failed. McpFailed: the server answered with an error.
            McpNotReady: it is gone. ToolTimeout: no answer. TooLarge: more than 8 MiB of it.
        """

        async def shown(progress: float, total: float | None, message: str | None) -> None:
            of_all = f" of {total:g}" if total else ""
            context.on_output(f"{message or f'{progress:g}{of_all}'}\n")

        async def ask() -> CallToolResult:
            return await self.client.call_tool(tool, dict(args), progress_callback=shown)

        result = await self._answered(ask, context.timeout_s or CALL_S)
        text = _bounded(_text_of(result), self.server)
        if result.is_error:
            raise ToolFailed(reason=text[:4_000] or "the tool says that it failed")
        return text

    async def read(self, uri: str, context: ToolContext) -> str:
        """Return a resource as text; raises as `call` does."""

        async def ask() -> ReadResourceResult:
            return await self.client.read_resource(uri)

        result = await self._answered(ask, context.timeout_s or CALL_S)
        parts = [
            each.text if isinstance(each, TextResourceContents) else f"({each.mime_type}: no text)"
            for each in result.contents
        ]
        return _bounded("\n".join(parts), self.server)

    async def resources(self) -> list[str]:
        """Return the addresses of its first resources, a line each; raises as `offers` does."""
        async with asyncio.timeout(LIST_S):
            page = await self.client.list_resources()
        return [f"{each.uri} {each.name}"[:200] for each in page.resources[:50]]

    def lose(self, why: str) -> None:
        """Note that it answers no longer."""
        self.lost = self.lost or why
        self.gone.set()
        self.news.set()

    async def _answered(self, ask: Any, timeout_s: float) -> Any:
        if self.lost is not None:
            raise McpNotReady(server=self.server, state=f"gone: {self.lost}")
        try:
            async with asyncio.timeout(timeout_s):
                return await ask()
        except TimeoutError:
            raise ToolTimeout(timeout_s=timeout_s) from None
        except MCPError as problem:
            if self.program is not None and self.program.ended.is_set():
                raise self._gone(self.program.why()) from None
            if problem.error.code == CONNECTION_CLOSED:
                raise self._gone("the connection was closed") from None
            error = McpFailed(server=self.server, its_code=str(problem.error.code))
            error.add_note(problem.error.message[:2_000])
            raise error from None
        except _LOST as problem:
            raise self._gone(str(problem) or type(problem).__name__) from None
        except (ValueError, TypeError, RuntimeError) as problem:  # it answered with nonsense
            error = McpFailed(server=self.server, its_code=type(problem).__name__)
            error.add_note(str(problem)[:2_000])
            raise error from None

    def _gone(self, why: str) -> McpNotReady:
        self.lose(why)
        return McpNotReady(server=self.server, state=f"gone: {why}")


@asynccontextmanager
async def linked(
    config: McpServer, values: Mapping[str, str], context: ToolContext
) -> AsyncGenerator[McpLink]:
    """Connect to a server and yield the link; leaving ends it, and its process.

    `values` are those of the variables or headers that `config` names.

    Raises:
        McpNotReady: its program ended. TimeoutError: no handshake in 30 s; else what `mcp` raises.
    """
    program = Program() if config.command else None
    async with AsyncExitStack() as stack:
        refusals: list[str] = []
        transport = await _transport(stack, config, values, context, program or refusals)
        link: McpLink | None = None

        async def heard(message: IncomingMessage) -> None:
            if isinstance(message, ToolsChanged) and link is not None:
                link.news.set()

        client = Client(transport, message_handler=heard)
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await stack.enter_async_context(client)
        except (MCPError, ExceptionGroup):
            if refusals:
                state = f"not reachable: {refusals[-1]}"
                raise McpNotReady(server=config.name, state=state) from None
            if program is None or not program.ended.is_set():
                raise
            raise McpNotReady(server=config.name, state=f"gone: {program.why()}") from None
        link = McpLink(config.name, client, program)
        if program is not None:
            watch = asyncio.create_task(_watch(program, link), name="mcp watch")
            stack.callback(watch.cancel)
        yield link


async def _transport(
    stack: AsyncExitStack,
    config: McpServer,
    values: Mapping[str, str],
    context: ToolContext,
    told: Program | list[str],
) -> Any:
    """Return the way to a server; `told` gets what is said of its process, or what HTTP refused."""
    if isinstance(told, Program):
        return sandboxed(config.command, values, context, told)

    timeout = httpx2.Timeout(HANDSHAKE_S, read=CALL_S)
    return await http_transport(stack, config.url or "", values, timeout, told)


async def _watch(program: Program, link: McpLink) -> None:
    await program.ended.wait()
    link.lose(program.why())


def _text_of(result: CallToolResult) -> str:
    parts = [
        part.text if isinstance(part, Text) else f"({part.type}: cannot be shown here)"
        for part in result.content
    ]
    if not parts and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(parts)


def _bounded(text: str, server: str) -> str:
    """Return the text, its head and tail where it is long."""
    size = len(text.encode("utf-8", "replace"))
    if size > MOST_RESULT_BYTES:
        what = f"answer of {server!r}"
        raise TooLarge(what=what, size_bytes=size, maximum_bytes=MOST_RESULT_BYTES)
    if size <= INLINE_BYTES:
        return text
    half = INLINE_BYTES // 8  # of characters, which take up to four bytes
    return f"{text[:half]}\n… ({len(text) - 2 * half} characters left out) …\n{text[-half:]}"
