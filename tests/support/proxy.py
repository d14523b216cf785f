"""A TCP proxy between a client and its server that can lose what the server says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Connections through here go on to `port`; `mute` swallows the answers."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._mute = False
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The address to connect to."""
        return f"nats://127.0.0.1:{self.port}"

    def mute(self) -> None:
        """Lose everything that the server says from now on."""
        self._mute = True

    def cut(self) -> None:
        """End all connections and let the next ones through undisturbed."""
        self._mute = False
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection in both directions until one side ends it."""
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(up_writer)
        with suppress(OSError, asyncio.CancelledError):
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, up_writer, answers=False))
                ways.create_task(self._carry(up_reader, writer, answers=True))
        self._writers -= {writer, up_writer}

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if not (answers and self._mute):
                    sink.write(data)
                    await sink.drain()
        sink.transport.abort()


@asynccontextmanager
async def proxied(port: int) -> AsyncGenerator[Proxy]:
    """Yield a proxy in front of the local `port`."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.cut()
        server.close()
        await server.wait_closed()
