"""FastStream, which carries requests to the doors of the programs that many may ask.

It does so without its costly options: no type injection (the contract's models validate), no
logging of each message, no stream declared. Workers and clients never import this: what it loads
is too much for a process that there are hundreds of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from faststream.message import StreamMessage
from faststream.nats import NatsBroker
from faststream.nats.subscriber.usecases import CoreSubscriber
from nats import errors as nats_errors
from nats.aio.msg import Msg

from jidoka.bus.addresses import secret_of, servers_of
from jidoka.bus.connection import MISSED_PINGS, PING_EVERY_S, Bus
from jidoka.bus.leaving import finish
from jidoka.contract.errors import JidokaError

log = logging.getLogger(__name__)

MOST_WAITING: Final = 8_192
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
"""What waits of one subject until it is taken; the broker's client drops what is more."""
STOP_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A message as it came, and where its answer goes."""

    subject: str
    reply_to: str
    body: bytes
    headers: Mapping[str, str]


class Carrier:
    """A connection that hands every request to its taker, one after the other."""

    def __init__(self, url: str, name: str, bus: Bus) -> None:
        self._bus = bus
        self._broker = _broker(url, name)
        self._subscribers: list[CoreSubscriber] = []

    def listen(
        self, subject: str, take: Callable[[Asked], Awaitable[None]], *, queue: str = ""
    ) -> None:
        """Have `take` called for what is asked on `subject`, once `open` was called."""
        subscriber = self._broker.subscriber(
            subject,
            queue=queue,
            pending_msgs_limit=MOST_WAITING,
            pending_bytes_limit=MOST_WAITING_BYTES,
            no_reply=True,  # the task that answers replies
        )
        subscriber(take)
        self._subscribers.append(subscriber)

    async def open(self) -> None:
        """Begin; what is asked after this is taken."""
        await self._broker.start()
        await (await self._connection()).barrier()

    async def close(self) -> None:
        """Take nothing new, hand over what was sent already, and leave, within 2 s."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._finish_taking()
                await self._broker.stop()
        except* (TimeoutError, JidokaError, nats_errors.Error) as problem:
            log.debug("a broker that is away cannot be left in good order: %s", problem)

    async def _finish_taking(self) -> None:
        held = [subscriber.subscription for subscriber in self._subscribers]
        for subscriber in self._subscribers:
            subscriber.subscription = None
        left = [subscription for subscription in held if subscription is not None]
        await finish(await self._connection(), *left)

    async def _connection(self) -> Bus:
        return Bus(await self._broker.connect(), self._bus.address)


def _broker(url: str, name: str) -> NatsBroker:
    token = secret_of(url).get("token")
    return NatsBroker(
        servers_of(url) if token else url.split(","),
        token=token,
        name=name,
        decoder=_decoded,
        apply_types=False,
        logger=None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,  # pyright: ignore[reportArgumentType] - it is only slept
        ping_interval=PING_EVERY_S,
        max_outstanding_pings=MISSED_PINGS,
    )


async def _decoded(message: StreamMessage[Msg]) -> Any:
    """Return the message with all that the four forms of a CloudEvent need to be told apart."""
    raw = message.raw_message
    return Asked(raw.subject, raw.reply, raw.data, raw.headers or {})
