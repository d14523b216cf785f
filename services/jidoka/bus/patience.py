"""How patiently a lost broker is called again, and what nats-py says meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from nats import errors as nats_errors
from nats.aio.client import Server as KnownServer

RECONNECT_FIRST_S: Final = 0.1
RECONNECT_MOST_S: Final = 4.0
"""The longest pause between two tries: work goes on within 5 s after the broker is back."""


@contextmanager
def cancellable() -> Generator[None]:
    """Raise the cancellation that what runs inside was asked for and swallowed."""
    task = asyncio.current_task()
    asked = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > asked:
        raise asyncio.CancelledError


def next_try(
    servers: Sequence[KnownServer], _info: Mapping[str, Any]
) -> tuple[KnownServer | None, float]:
    """Return the server to try next and the pause before it, in seconds."""
    server = min(servers, key=lambda each: each.reconnects)
    pause = min(RECONNECT_MOST_S, RECONNECT_FIRST_S * 2 ** min(server.reconnects, 16))
    return server, pause * random.uniform(0.5, 1.0)  # noqa: S311 - apart from each other, no secret


def is_refusal(problem: Exception) -> bool:
    """Tell whether the broker does not know us."""
    return "authorization" in str(problem).lower()


def is_absence(problem: Exception) -> bool:
    """Tell whether `problem` only says again that the broker is away."""
    return isinstance(problem, OSError | nats_errors.StaleConnectionError)
