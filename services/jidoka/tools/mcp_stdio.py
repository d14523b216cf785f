"""MCP over the standard streams of a program in the session's sandbox: a transport for `mcp`.

    link ─► lines of JSON ─► stdin  ┐
    link ◄─ lines of JSON ◄─ stdout ┤ the program, in the sandbox; its errors go to `said`
                                    ┘

A line is at most 8 MiB. When the program ends, or sends more than that, the stream ends: whoever
waits for an answer is told. Leaving ends the program and all that it started, and waits for it.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from jidoka.contract.errors import JidokaError
from jidoka.core.tooling import Stdio, ToolContext
from jidoka.tools.spill import drop_spill

MOST_LINE_BYTES = 8 * 1024 * 1024
LONGEST_S = 24 * 3600.0
_WAITING = 64
_MOST_SAID = 300
_LAST_WORDS_S = 1.0
"""From the end of its output to its own: it says how it ended."""

Incoming = SessionMessage | Exception
Streams = tuple[MemoryObjectReceiveStream[Incoming], MemoryObjectSendStream[SessionMessage]]


class Program:
    """What is known of a server's process."""

    def __init__(self) -> None:
        self.said: deque[str] = deque(maxlen=20)
        """The last pieces that it printed as errors."""
        self.ended = asyncio.Event()
        self.end = ""
        """How it ended, in words."""

    def why(self) -> str:
        """Return why it is gone, with the end of what it said about it, on one line."""
        said = " ".join("".join(self.said).split())
        end = said if len(said) <= _MOST_SAID else f"… {said[-_MOST_SAID:]}"
        return ": ".join(filter(None, (self.end, end)))


@asynccontextmanager
async def sandboxed(
    command: tuple[str, ...], variables: Mapping[str, str], context: ToolContext, program: Program
) -> AsyncGenerator[Streams]:
    """Run `command` and yield the streams of messages from and to it."""
    incoming, read = anyio.create_memory_object_stream[Incoming](_WAITING)
    write, outgoing = anyio.create_memory_object_stream[SessionMessage](_WAITING)
    async with _pipes() as (stdio, from_program, to_program):
        for name in sorted(variables):
            to_program.write(f"{variables[name]}\n".encode())
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(_run(command, sorted(variables), stdio, context, program)),
                tasks.create_task(_receive(from_program, incoming, program)),
                tasks.create_task(_send(outgoing, to_program)),
            ]
            try:
                yield read, write
            finally:
                for task in running:
                    task.cancel()
                for stream in (read, write, incoming, outgoing):
                    stream.close()


@asynccontextmanager
async def _pipes() -> AsyncGenerator[tuple[Stdio, asyncio.StreamReader, asyncio.StreamWriter]]:
    loop = asyncio.get_running_loop()
    stdin, ours_out = os.pipe2(os.O_CLOEXEC)
    ours_in, stdout = os.pipe2(os.O_CLOEXEC)
    reader = asyncio.StreamReader(limit=MOST_LINE_BYTES)
    source, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_in, "rb", 0)
    )
    sink, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(ours_out, "wb", 0)
    )
    try:
        yield Stdio(stdin, stdout), reader, asyncio.StreamWriter(sink, protocol, None, loop)
    finally:
        source.close()
        sink.abort()
        os.close(stdin)
        os.close(stdout)


async def _run(
    command: tuple[str, ...],
    variables: list[str],
    stdio: Stdio,
    context: ToolContext,
    program: Program,
) -> None:
    try:
        result = await context.sandbox.run(
            _script(command, variables),
            root=context.root,
            timeout_s=LONGEST_S,
            on_output=program.said.append,
            limits=context.limits,
            network=context.network,
            stdio=stdio,
        )
        drop_spill(result)
        program.end = f"it ended with exit status {result.exit_status}"
    except JidokaError as problem:
        program.end = str(problem)
    finally:
        program.ended.set()


def _script(command: tuple[str, ...], variables: list[str]) -> str:
    """Return the shell's part: values come by its input, as `ps` shows every argument."""
    reading = [f"IFS= read -r {name} && export {name}" for name in variables]
    return " && ".join([*reading, f"exec {shlex.join(command)}"])


async def _receive(
    reader: asyncio.StreamReader, incoming: MemoryObjectSendStream[Incoming], program: Program
) -> None:
    """Hand on what the program says until it ends; then the stream ends too."""
    lines = asyncio.create_task(_lines(reader, incoming), name="mcp lines")
    ended = asyncio.create_task(program.ended.wait(), name="mcp end")
    try:
        await asyncio.wait((lines, ended), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((ended,), timeout=_LAST_WORDS_S)
    finally:
        for task in (lines, ended):
            task.cancel()
        await asyncio.gather(lines, ended, return_exceptions=True)
        incoming.close()
        program.ended.set()


async def _lines(reader: asyncio.StreamReader, incoming: MemoryObjectSendStream[Incoming]) -> None:
    with suppress(ValueError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while line := await reader.readline():  # ValueError: longer than the limit
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError as problem:
                await incoming.send(problem)
            else:
                await incoming.send(SessionMessage(message))


async def _send(
    outgoing: MemoryObjectReceiveStream[SessionMessage], writer: asyncio.StreamWriter
) -> None:
    with suppress(ConnectionError, anyio.ClosedResourceError):
        async for message in outgoing:
            body = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            writer.write(body.encode() + b"\n")
            await writer.drain()
