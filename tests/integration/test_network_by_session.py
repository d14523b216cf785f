"""The network of commands: off in every layer, on where the session has it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from jidoka.sandbox.beneath import Beneath
from tests.support.layers import CONFINED, layer
from tests.support.project import tool_bench


@pytest.fixture
def port() -> Iterator[int]:
    """A server on loopback that greets whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"hello")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize("name", CONFINED)
@pytest.mark.parametrize("network", [False, True])
async def test_a_command_reaches_the_network_only_where_the_session_has_it(
    name: str, network: bool, port: int, tmp_path: Path
):
    sandbox = layer(name)
    code = f"import socket; print(socket.create_connection(('127.0.0.1', {port}), 5).recv(9))"

    with closing(Beneath(str(tmp_path))) as files:
        bench = tool_bench(tmp_path, sandbox, files)
        context = replace(bench.context, network=network)
        outcome = await bench.tool("shell").run({"command": f'python3 -c "{code}" 2>&1'}, context)

    assert ("hello" in outcome.text) is network
