"""A model server that stops its stream at a byte, and counts what it is asked.

It speaks OpenAI's streaming dialect. What it says depends on the last message of the user, which
names a point, and on how many answers stand behind that message.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

POINT = re.compile(r"point-(\d+)\.")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
DONE = b"data: [DONE]\n\n"
PIECE = 12
"""Characters in a delta."""

SHORT_S = "0.02"

Calls = list[tuple[str, dict[str, Any]]]
Step = tuple[str, Calls]
"""What is said, and which tools are called with what."""


def steps(point: int, sleep_s: str = SHORT_S) -> list[Step]:
    """Return what the model says in the turn of a point: two reads, a write, an edit, a command.

    `sleep_s`: how long the command takes after it has left its line, as `sleep` is told it.
    """
    made = f"made-{point}.txt"
    return [
        ("I look.", [("read", {"path": "note.txt"}), ("read", {"path": "other.txt"})]),
        ("I write.", [("write", {"path": made, "content": "begun\n"})]),
        ("I edit.", [("edit", {"path": made, "old": "begun\n", "new": "begun\nedited\n"})]),
        ("I run.", [("shell", {"command": f"echo line-{point} >> effects; sleep {sleep_s}"})]),
        (f"Done with point {point}, and all of it once.", []),
    ]


def stream_of(step: Step) -> bytes:
    """Return the body of a response, as it goes over the wire."""
    said, calls = step
    pieces = [said[at : at + PIECE] for at in range(0, len(said), PIECE)]
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in pieces]
    for index, (tool, arguments) in enumerate(calls):
        function = {"name": tool, "arguments": json.dumps(arguments)}
        call = {"index": index, "id": f"c{index}", "type": "function", "function": function}
        deltas.append({"tool_calls": [call]})
    end = "tool_calls" if calls else "stop"
    chunks = [*(_chunk(delta) for delta in deltas), _chunk({}, end)]
    return b"".join(chunks) + DONE


def _chunk(delta: dict[str, Any], end: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": end}
    return b"data: " + json.dumps({"choices": [choice]}, separators=(",", ":")).encode() + b"\n\n"


class PacedModel:
    """The server."""

    def __init__(self) -> None:
        self.base_url = ""
        self.asked: Counter[tuple[int, int]] = Counter()
        """How often each step of each point was asked for."""
        self.stops: dict[tuple[int, int], tuple[int, Callable[[], Awaitable[None]]]] = {}
        """Point and step → after how many bytes of its first stream what is to happen."""

        self.sleeps_s: dict[int, str] = {}
        """How long the command of a point takes, where it is not short."""

    @property
    def asked_again(self) -> int:
        """How many answers were asked for more than once."""
        return sum(times - 1 for times in self.asked.values())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            body = json.loads(await reader.readexactly(int(length[1]) if length else 0))
            await self._answer(body["messages"], writer)
        writer.close()

    async def _answer(self, messages: list[Any], writer: asyncio.StreamWriter) -> None:
        point, step = _place(messages)
        self.asked[point, step] += 1
        stream = stream_of(steps(point, self.sleeps_s.get(point, SHORT_S))[step])
        offset, happens = self.stops.pop((point, step), (len(stream), None))
        writer.write(HEAD + stream[:offset])
        await writer.drain()
        if happens is not None:
            await happens()
        writer.write(stream[offset:])
        await writer.drain()


def _place(messages: list[Any]) -> tuple[int, int]:
    """Return which point a conversation is at, and how far its turn has come."""
    last = max(i for i, message in enumerate(messages) if message["role"] == "user")
    found = POINT.search(json.dumps(messages[last]["content"]))
    assert found, "a message that names no point"
    said = sum(message["role"] == "assistant" for message in messages[last:])
    return int(found[1]), said


@asynccontextmanager
async def paced_model() -> AsyncGenerator[PacedModel]:
    """Yield a model server on a port that the system chose."""
    model = PacedModel()
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0, limit=1024 * 1024)
    model.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.close()
