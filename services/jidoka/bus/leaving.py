"""Leaving in good order: nothing that was handed over is dropped, and nothing goes on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from nats.aio.subscription import Subscription

from jidoka.bus.connection import Bus


async def finish(bus: Bus, *subscriptions: Subscription) -> None:
    """Take nothing new, and return when all that had been sent to us was handed to its handler.

    nats-py's own `drain` takes the broker's pong for the end, but its ping overtakes the
    unsubscribe: what the broker sends in between is dropped. A message to an own inbox goes through
    the same queue, so when it comes back nothing more follows.

    Raises:
        TimedOut, Unavailable: the broker did not answer.
    """
    for each in subscriptions:
        await bus.client._send_unsubscribe(each._id)  # pyright: ignore[reportPrivateUsage]
    await bus.barrier()
    for each in subscriptions:
        await each._pending_queue.join()  # pyright: ignore[reportPrivateUsage]


async def all_ended(working: Iterable[asyncio.Task[None]], limit_s: float) -> None:
    """Let tasks end within `limit_s` seconds, then cancel them; return when all are gone."""
    tasks = set(working)
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=limit_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
