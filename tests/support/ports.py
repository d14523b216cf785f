"""Ports of this machine for a test: one where nobody can listen, and one that nobody is given."""

from __future__ import annotations

import random
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_LOWEST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


@contextmanager
def refusing_port() -> Generator[int]:
    """Yield a port that is held and not listened to: whoever connects is refused.

    A port that is only free may be given to a neighbour a moment later.
    """
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def port_for_later() -> int:
    """Return a free port below those that the system gives to whoever asks for any.

    So it is still free when what is started now comes to listen there.
    """
    below = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    while True:
        port = random.randrange(_LOWEST, max(below, _LOWEST + 1_000))  # noqa: S311 - no secret
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
