"""MCP servers that are reached by HTTP: real ones, that answer, die and refuse."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from jidoka.contract import events as e
from jidoka.contract.mcp import McpServer
from tests.support.agent import asks, memory_bench
from tests.support.ports import refusing_port

ROOT = str(Path(__file__).parents[3])


async def _turn(bench, *servers: McpServer) -> list[e.Event | e.UnknownEvent]:
    await bench.open()
    await bench.write(*(e.McpAdded(server=server) for server in servers))
    async with bench.worker():
        await bench.until(e.TurnEnded)
        return await bench.events()


@asynccontextmanager
async def _by_http() -> AsyncGenerator[str]:
    """Run the server as one that is reached by HTTP; yield its address."""
    command = (sys.executable, "-m", "tests.support.mcp_server", "http")
    server = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        port = int(await server.stdout.readline())
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        with suppress(ProcessLookupError):
            server.kill()
        await server.communicate()  # to the end of its output, or the pipe stays open


async def test_a_server_is_reached_by_http_with_a_header_by_reference(tmp_path, monkeypatch):
    monkeypatch.setenv("JIDOKA_MCP_DOOR", "Bearer open")
    bench = memory_bench(tmp_path, asks(("sums__add", '{"a": 2, "b": 3}')), "Five.")

    async with _by_http() as url:
        headers = {"Authorization": "JIDOKA_MCP_DOOR"}
        events = await _turn(bench, McpServer(name="sums", url=url, headers=headers))

    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    assert done.output == "5"


async def test_a_server_that_ends_in_the_middle_of_a_call_by_http_is_gone(tmp_path):
    bench = memory_bench(tmp_path, asks(("sums__die", "{}")), "It died.")

    async with _by_http() as url:
        events = await _turn(bench, McpServer(name="sums", url=url))

    (failed,) = [x for x in events if isinstance(x, e.ToolFailed)]
    assert failed.error.code == "mcp_not_ready"
    assert "gone" in failed.error.message


@pytest.mark.parametrize(
    ("status", "words"),
    [("401 Unauthorized", "it wants a --header"), ("404 Not Found", "no MCP server is there")],
)
async def test_what_an_address_refuses_is_told_with_its_status(tmp_path, status, words):
    bench = memory_bench(tmp_path, "Without.")

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(asyncio.IncompleteReadError):  # it may go before it asked
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as door:
        port = door.sockets[0].getsockname()[1]
        events = await _turn(bench, McpServer(name="far", url=f"http://127.0.0.1:{port}/mcp"))

    failed = next(x for x in events if isinstance(x, e.McpFailed))
    assert f"status {status[:3]}: {words}" in failed.error.message


async def test_an_address_where_nobody_listens_is_reported(tmp_path):
    bench = memory_bench(tmp_path, "Without.")

    with refusing_port() as port:
        events = await _turn(bench, McpServer(name="far", url=f"http://127.0.0.1:{port}/mcp"))

    failed = next(x for x in events if isinstance(x, e.McpFailed))
    assert failed.error.code == "mcp_not_ready"
    assert "not reachable: no connection to its address" in failed.error.message
