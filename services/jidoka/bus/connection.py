"""One connection to the broker, with what every user of it needs: bounds, barriers, typed errors.

nats-py reconnects by itself; this says how patiently. `bus` handles what JetStream itself refuses.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from jidoka.bus.addresses import address_of, secret_of, servers_of
from jidoka.bus.patience import cancellable, is_absence, is_refusal, next_try
from jidoka.bus.quick_client import QuickClient
from jidoka.bus.refusals import answered, error_of
from jidoka.bus.secrets import redactors_of
from jidoka.contract.errors import JidokaError, TimedOut, Unauthenticated, Unavailable

log = logging.getLogger(__name__)

PING_EVERY_S: Final = 10
MISSED_PINGS: Final = 2
OUTGOING_BYTES: Final = 4 * 1024 * 1024
API_TIMEOUT_S: Final = 5.0

Handler = Callable[[Msg], Awaitable[None]]
Headers = dict[str, str] | None


class Bus:
    """A connection to the broker. Made by `connect`, ended by `close`."""

    def __init__(self, client: Client, address: str, url: str = "") -> None:
        self.client = client
        self.address = address
        """`host:port`, fit for logs."""
        self.redactors = redactors_of(url)
        self.connection = 1
        """It grows by one with every reconnect."""
        self._up = asyncio.Event()
        self._watchers: set[Callable[[], None]] = set()

    async def __aenter__(self) -> Bus:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    @property
    def is_up(self) -> bool:
        """Whether the broker can be reached right now."""
        return self._up.is_set() and self.client.is_connected

    async def up(self, timeout_s: float) -> None:
        """Return when the broker can be reached.

        Raises:
            Unavailable: not within `timeout_s`, or the connection is closed for good.
        """
        if self.client.is_closed:
            raise self._unavailable("the connection is closed")
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            raise self._unavailable(f"no connection for {timeout_s:g} s") from None

    def on_reconnect(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have `call` called after each reconnect; return what ends that."""
        self._watchers.add(call)
        return lambda: self._watchers.discard(call)

    async def publish(
        self, subject: str, body: bytes, *, headers: Headers = None, reply: str = ""
    ) -> None:
        """Send without waiting for anybody. While the broker is away it waits in a bounded buffer.

        Raises:
            Unavailable: closed, or the buffer is full. TooLarge: more than the broker takes.
        """
        try:
            with cancellable():  # nats-py swallows a cancellation while its buffer is full
                await self.client.publish(subject, body, reply=reply, headers=headers)
        except nats_errors.Error as problem:
            raise self._error(problem, subject, len(body)) from None

    async def request(
        self, subject: str, body: bytes, timeout_s: float, *, headers: Headers = None
    ) -> Msg:
        """Return the one answer to a request.

        Raises:
            Unavailable: nobody listens on `subject`, or there is no connection.
            TimedOut: no answer within `timeout_s`; whether it arrived is unknown.
            TooLarge: more than the broker takes.
        """
        try:
            with cancellable():  # before 3.12 `wait_for` swallows one that comes with the answer
                return await self.client.request(subject, body, timeout=timeout_s, headers=headers)
        except nats_errors.Error as problem:
            raise self._error(problem, subject, len(body), timeout_s) from None

    async def api(
        self, subject: str, request: Mapping[str, Any] | None = None, wait_s: float = API_TIMEOUT_S
    ) -> dict[str, Any]:
        """Return the answer of JetStream's interface `$JS.API.<subject>`.

        Raises:
            APIError: JetStream refuses; `err_code` says why.
            Unavailable, TimedOut: as for any request.
        """
        body = json.dumps(request).encode() if request is not None else b""
        answer = await self.request(f"$JS.API.{subject}", body, wait_s)
        return answered(answer)

    async def store(
        self, subject: str, body: bytes, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, bool]:
        """Store a message in the stream of `subject`; return its sequence and if it was there.

        Raises:
            APIError: JetStream refuses. Unavailable, TimedOut, TooLarge: as for any request.
        """
        answer = answered(await self.request(subject, body, timeout_s, headers=headers))
        return int(answer["seq"]), bool(answer.get("duplicate", False))

    async def subscribe(
        self,
        subject: str,
        handler: Handler,
        *,
        queue: str = "",
        max_messages: int = 64 * 1024,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> Subscription:
        """Have `handler` called with each message, one after the other; return the subscription.

        Beyond the bounds new messages are dropped, and the log of the program says so.
        """
        try:
            return await self.client.subscribe(
                subject,
                queue=queue,
                cb=handler,
                pending_msgs_limit=max_messages,
                pending_bytes_limit=max_bytes,
            )
        except nats_errors.Error as problem:
            raise self._error(problem, subject) from None

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; nothing happens where it has ended already."""
        with suppress(nats_errors.Error):
            await subscription.unsubscribe()

    def new_inbox(self) -> str:
        """Return a subject that nobody else listens to."""
        return self.client.new_inbox()

    async def barrier(self, timeout_s: float = API_TIMEOUT_S) -> None:
        """Return when the broker has taken in all that was sent and subscribed until now.

        nats-py's `flush` is none: its ping overtakes what waits in the buffer. A message to an own
        inbox goes through the same queue.

        Raises:
            TimedOut, Unavailable: the broker did not answer.
        """
        arrived = asyncio.Event()

        async def note(_: Msg) -> None:
            arrived.set()

        inbox = self.new_inbox()
        subscription = await self.subscribe(inbox, note, max_messages=8)
        try:
            await self.publish(inbox, b"")
            async with asyncio.timeout(timeout_s):
                await arrived.wait()
        except TimeoutError:
            raise TimedOut(after_s=timeout_s) from None
        finally:
            await self.unsubscribe(subscription)

    async def close(self, timeout_s: float = 2.0) -> None:
        """Hand over what still waits, then end the connection, within `timeout_s` each."""
        with suppress(TimeoutError, nats_errors.Error, JidokaError):
            async with asyncio.timeout(timeout_s):
                if self.client.is_connected:
                    await self.barrier(timeout_s)
        closing = asyncio.create_task(self.client.close())  # it may cancel what it waits for itself
        closing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait({closing}, timeout=timeout_s)
        self._up.clear()

    def connected(self) -> None:
        """Note the first connection."""
        self._up.set()

    async def lost(self) -> None:
        """Note that the connection is gone; nats-py is already trying again."""
        if self._up.is_set() and not self.client.is_closed:
            log.warning("the broker at %s is gone, reconnecting", self.address)
        self._up.clear()

    async def regained(self) -> None:
        """Note that there is a connection again, and tell who waits for it."""
        self.connection += 1
        log.warning("connected to the broker at %s again", self.address)
        self._up.set()
        for call in tuple(self._watchers):
            call()

    async def failed(self, problem: Exception) -> None:
        """Say in the log what nats-py could not raise anywhere."""
        level = logging.DEBUG if is_absence(problem) else logging.WARNING
        log.log(level, "the bus reports: %s", problem)

    def _error(
        self, problem: nats_errors.Error, subject: str, size_bytes: int = 0, timeout_s: float = 0
    ) -> JidokaError:
        known = error_of(problem, subject, (size_bytes, self.client.max_payload), timeout_s)
        return known or self._unavailable(str(problem))

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(part=f"the broker at {self.address}", why=why)


async def connect(
    url: str,
    *,
    name: str,
    inbox_prefix: str | None = None,
    patience_s: float = 2.0,
) -> Bus:
    """Return a connection to the broker at `url` (`nats://[token@]host:port[,...]`).

    Once made it is kept up for ever: after a loss nats-py tries again every 0.1 to 4 s.

    Raises:
        InvalidMessage: `url` is none. Unavailable: nobody answers within `patience_s`.
        Unauthenticated: the broker does not know the token.
    """
    servers = servers_of(url)  # with none nats-py would look for one without end
    client, starting = QuickClient(), True
    bus, seen = Bus(client, address_of(url), url), list[Exception]()

    async def failed(problem: Exception) -> None:
        seen[:] = [problem]
        if starting and is_refusal(problem):
            raise Unauthenticated  # later it would end nats-py's reconnecting for good
        await bus.failed(problem)

    try:
        async with asyncio.timeout(patience_s):
            await client.connect(
                servers,
                **secret_of(url),
                name=name,
                inbox_prefix=inbox_prefix or "_INBOX",
                error_cb=failed,
                disconnected_cb=bus.lost,
                reconnected_cb=bus.regained,
                connect_timeout=max(1, round(patience_s)),
                reconnect_time_wait=0.1,  # pyright: ignore[reportArgumentType] - it is only slept
                max_reconnect_attempts=-1,
                reconnect_to_server_handler=next_try,
                ping_interval=PING_EVERY_S,
                max_outstanding_pings=MISSED_PINGS,
                pending_size=OUTGOING_BYTES,
                flush_timeout=API_TIMEOUT_S,
            )
    except (TimeoutError, OSError, ImportError, nats_errors.Error) as problem:
        await client.close()
        why = str(seen[0] if seen else problem) or "no answer"
        raise Unavailable(part=f"the broker at {bus.address}", why=why) from None
    except Unauthenticated:
        await client.close()
        raise
    starting = False
    bus.connected()
    return bus
