"""How patiently a lost broker is called again, and what nats-py says meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypedDict
from urllib.parse import SplitResult, urlsplit

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


def address_of(url: str) -> str:
    """Return `host:port` of a broker's URL: without token or password, fit for a log.

    Of several with commas between them it is the first.
    """
    parts = _parts(url.partition(",")[0])
    return f"{parts.hostname}:{parts.port or 4222}"


def _parts(url: str) -> SplitResult:
    return urlsplit(url if "://" in url else f"nats://{url}")


def servers_of(url: str) -> list[str]:
    """Return the servers that a broker's URL names, with commas between them, without secrets."""
    parts = [_parts(each.strip()) for each in url.split(",") if each.strip()]
    return [f"{each.scheme}://{each.netloc.rpartition('@')[2]}" for each in parts]


class Secret(TypedDict, total=False):
    """What a broker wants to know, as nats-py names it."""

    token: str
    user: str
    password: str


def secret_of(url: str) -> Secret:
    """Return token, or user and password, of a broker's URL, as nats-py names them.

    Given apart they hold for the servers too that a cluster names by itself: without them those
    refuse us, which ends nats-py's reconnecting for good.
    """
    parts = _parts(url.partition(",")[0])
    if parts.username is None:
        return {}
    if parts.password is None:
        return {"token": parts.username}
    return {"user": parts.username, "password": parts.password}


def is_refusal(problem: Exception) -> bool:
    """Tell whether the broker does not know us."""
    return "authorization" in str(problem).lower()


def is_absence(problem: Exception) -> bool:
    """Tell whether `problem` only says again that the broker is away."""
    return isinstance(problem, OSError | nats_errors.StaleConnectionError)
