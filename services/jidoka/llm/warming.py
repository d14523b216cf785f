"""A provider on loopback that gives one short answer: a library's first call is the slow one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

TIMEOUT_S: Final = 10.0
_CHUNK: Final = (
    b'data: {"id":"w","object":"chat.completion.chunk","created":1,"model":"warm","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"warm"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
    b"content-length: " + str(len(_CHUNK)).encode() + b"\r\n\r\n" + _CHUNK
)


@asynccontextmanager
async def answering_once() -> AsyncGenerator[str]:
    """Yield the base URL of a server that answers whatever it is asked."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(TIMEOUT_S):
            yield f"http://127.0.0.1:{port}/v1"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_ANSWER)
    await writer.drain()
    writer.close()
