"""A real MCP server for tests: `python -m tests.support.mcp_server [stdio|http]`.

Made with the library's own server class, so that both sides are real.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("arithmetic")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ValueError(why)


@server.tool()
async def slow(seconds: float) -> str:
    """Answer late."""
    await asyncio.sleep(seconds)
    return f"after {seconds:g} s"


@server.tool()
def late(timeout_s: str) -> str:
    """Say what an argument is that has the name of one of ours."""
    return timeout_s


@server.tool()
def variable(name: str) -> str:
    """Say whether a variable is set, and how long its value is."""
    return f"{name}: {len(os.environ[name])}" if name in os.environ else f"{name}: none"


@server.tool()
def long(size: int) -> str:
    """Answer at length."""
    return "x" * size


@server.tool()
def die() -> str:
    """End the server in the middle of a call."""
    os._exit(3)


@server.tool()
def reach(path: str) -> str:
    """Try to write a file."""
    try:
        with open(path, "w") as file:  # noqa: PTH123
            file.write("was here")
    except OSError as problem:
        return f"refused: {problem.strerror}"
    return "written"


@server.resource("notes://today")
def notes() -> str:
    """What is to be done."""
    return "buy milk"


def serve_http() -> None:
    """Serve by HTTP on a port that the system chose, and print it: whoever connects is heard."""
    import uvicorn  # noqa: PLC0415 - the servers of a pipe start without it

    door = socket.create_server(("127.0.0.1", 0))
    print(door.getsockname()[1], flush=True)  # noqa: T201 - whoever started this program reads it
    config = uvicorn.Config(server.streamable_http_app(host="127.0.0.1"), log_level="warning")
    uvicorn.Server(config).run(sockets=[door])


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        serve_http()
    else:
        server.run()
