"""Leaving a queue group without dropping what the broker has already handed over."""

from __future__ import annotations

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
