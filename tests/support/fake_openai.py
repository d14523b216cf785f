"""A tiny, instant OpenAI-compatible server: it answers by the name of the model it is asked for.

    words-N           N different words, at once            slow-N          one word each 20 ms
    tool-NAME         a call of NAME({"path": "a.txt"}), then text once there is a result
    parallel          two calls in pieces, interleaved      same-index      two calls, one index
    reasoning         thoughts, then a word                 no-usage        no usage in the stream
    length, filter    that finish reason                    refusal         OpenAI's refusal field
    as-text           a call written as text
    empty             nothing but an end                    hang, stall     silent: at once, later
    cut, cut-clean    the connection ends in between, with and without the end of the body
    garbage, page     no JSON in the stream, an HTML page   error-in-stream an error as a chunk
    status-NNN        that status (429 with Retry-After: 7), a message that repeats the key
    context, policy, unknown-model, bad-request             errors that OpenAI words with a 4xx

Also a program, for benchmarks: `python -m tests.support.fake_openai` prints its base URL.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.dialects import stream_of
from tests.support.fake_answers import Chunk, answer, usage, words

Send = Callable[[bytes], None]
KEPT_REQUESTS = 1_000
RETRY_AFTER = "7"
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"transfer-encoding: chunked\r\nx-request-id: r1\r\n\r\n"
)
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
CODES = {
    "context": (400, "context_length_exceeded", "maximum context length is 8192 tokens"),
    "policy": (400, "content_policy_violation", "rejected as a result of our safety system"),
    "unknown-model": (404, "model_not_found", "The model does not exist"),
    "bad-request": (400, "invalid_value", "temperature is wrong"),
}


def event(chunk: Chunk | str) -> bytes:
    """Return a chunk as a server-sent event in HTTP's chunked encoding."""
    text = chunk if isinstance(chunk, str) else json.dumps(chunk, separators=(",", ":"))
    return framed(f"data: {text}\n\n".encode())


def framed(body: bytes) -> bytes:
    """Return `body` in HTTP's chunked encoding."""
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


def plain(status: int, body: bytes, *extra: str, kind: str = "application/json") -> bytes:
    """Return a whole HTTP response."""
    head = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}", *extra]
    return "\r\n".join([*head, "", ""]).encode() + body


def refusal_of(model: str, key: str, retry_after: str) -> bytes | None:
    """Return the response to a model whose name asks for an error, None for others."""
    status, code, message = CODES.get(model, (0, "", ""))
    if model.startswith("status-"):
        status, code, message = int(model[7:]), "failed", f"Something is wrong with {key}"
    if not status:
        return None
    error = {"error": {"message": message, "type": "x", "code": code, "param": None}}
    extra = (f"retry-after: {retry_after}",) if status == 429 else ()
    return plain(status, json.dumps(error).encode(), *extra)


def key_in(headers: dict[str, str]) -> str:
    """Return the key that came with a request, wherever its provider has it."""
    names = ("authorization", "x-api-key", "x-goog-api-key")
    return next((headers[name] for name in names if name in headers), "")


class FakeOpenAI(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._waiting = b""
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._server.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        head, found, body = self._waiting.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])
        }
        length = int(headers.get("content-length", 0))
        if len(body) < length:
            return
        self._waiting = body[length:]
        self._respond(lines[0].split(" ")[1], headers, json.loads(body[:length] or b"{}"))

    def _respond(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> None:
        assert self._transport is not None
        self._server.note(path, headers, body)
        if path.endswith("/models"):
            names = {"object": "list", "data": [{"id": "words-3", "object": "model"}]}
            self._transport.write(plain(200, json.dumps(names).encode()))
            return
        status, other = self._server.status, stream_of(path)
        if status is None and other is not None:
            self._transport.write(plain(200, other, kind="text/event-stream"))
            return
        model = f"status-{status}" if status else self._server.renamed(body["model"])
        refused = refusal_of(model, key_in(headers), self._server.retry_after)
        if refused is not None:
            self._transport.write(refused)
            return
        self._stream(model, body)

    def _stream(self, model: str, body: dict[str, Any]) -> None:
        assert self._transport is not None
        write = self._transport.write
        if model == "page":
            write(plain(200, b"<html><body>Welcome</body></html>", kind="text/html"))
        elif model == "hang":
            pass
        elif model in ("cut", "cut-clean", "stall", "garbage", "error-in-stream"):
            write(HEAD + b"".join(event(chunk) for chunk in words(2)))
            self._spoil(model)
        elif model.startswith("slow-"):
            self._task = asyncio.get_running_loop().create_task(self._slowly(model, body))
        else:
            write(HEAD + b"".join(self._events(model, body)) + framed(DONE) + END)

    def _spoil(self, model: str) -> None:
        assert self._transport is not None
        match model:
            case "cut":
                self._transport.close()
            case "cut-clean":
                self._transport.write(END)
            case "garbage":
                self._transport.write(
                    event('{"choices": [{"delta": {"content') + framed(DONE) + END
                )
            case "error-in-stream":
                error = {"error": {"message": "overloaded", "code": "server_error", "type": "x"}}
                self._transport.write(event(error) + framed(DONE) + END)
            case _:
                pass

    def _events(self, model: str, body: dict[str, Any]) -> list[bytes]:
        chunks = answer(model, body["messages"])
        if model != "no-usage" and body.get("stream_options", {}).get("include_usage"):
            said = len(chunks) - 1
            chunks.append(usage(body["messages"], said, self._server.cached_tokens))
        return [event(chunk) for chunk in chunks]

    async def _slowly(self, model: str, body: dict[str, Any]) -> None:
        assert self._transport is not None
        self._transport.write(HEAD)
        for part in self._events(model, body):
            await asyncio.sleep(0.02)
            self._transport.write(part)
        self._transport.write(framed(DONE) + END)


class Server:
    """All connections of a fake provider."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.came: list[float] = []
        """When each of `requests` came, of the loop's clock."""
        self.count = 0
        self.connections: set[asyncio.Transport] = set()
        self.base_url = ""
        self.retry_after = RETRY_AFTER
        """What stands in the header of a 429: seconds or a date."""
        self.status: int | None = None
        """What every request is answered with, whatever it asks for."""
        self.cached_tokens = 0
        """How many of a request's tokens were in the provider's cache."""
        self.names: dict[str, list[str]] = {}
        """Model → the names under which it answers, one request after the other."""

    def note(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> None:
        """Remember a request."""
        self.count += 1
        if len(self.requests) < KEPT_REQUESTS:
            self.requests.append((path, headers, body))
            self.came.append(asyncio.get_running_loop().time())

    def renamed(self, model: str) -> str:
        """Return how a request for `model` is answered; the last name in line stays."""
        line = self.names.get(model)
        if not line:
            return model
        return line.pop(0) if len(line) > 1 else line[0]


@asynccontextmanager
async def running_openai() -> AsyncGenerator[Server]:
    """Yield a fake provider on a port that the system chose."""
    server = Server()
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: FakeOpenAI(server), "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()
        for connection in tuple(server.connections):
            connection.abort()


async def serve() -> None:
    """Serve until the process ends."""
    async with running_openai() as server:
        print(server.base_url, flush=True)  # noqa: T201 - whoever started this program reads it
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
