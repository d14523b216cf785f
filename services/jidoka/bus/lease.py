"""A lease: of several programs that may do something, one does, and knows when no longer.

    acquire   write the key, expecting that nothing stands there, with a time to live; where the
              end of a former lease stands, write again expecting exactly that
    renew     every third of the time, expecting the own revision; refused means lost
    lost      also by the own monotonic clock, before the server can give it to another

The revision of the first write is the fencing token: it grows with every holder.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Final

from nats.js.errors import APIError

from jidoka.bus.buckets import OPERATION, Bucket
from jidoka.bus.connection import Bus
from jidoka.bus.refusals import WRONG_LAST_SEQUENCE, raised
from jidoka.contract import subjects
from jidoka.contract.errors import JidokaError

log = logging.getLogger(__name__)

TTL_S: Final = 2
MARGIN_S: Final = 0.3
"""So long before its end a lease that could not be renewed counts as lost."""
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"


class Lease:
    """The right to be the one: `async with Lease(...) as lease:` waits until it is ours."""

    def __init__(
        self, bus: Bus, key: str, holder: str, *, ttl_s: int = TTL_S, margin_s: float = MARGIN_S
    ) -> None:
        """`holder` is a name that no other process has; `ttl_s` is whole seconds, at least 1."""
        self.key = key
        self.holder = holder
        self.lost = asyncio.Event()
        """Set when the lease is no longer ours; what depends on it has to stop at once."""
        self.token = 0
        """Grows with every holder; 0 before the lease is ours."""
        self._bus = bus
        self._bucket = Bucket(bus, subjects.LEASES_BUCKET)
        self._ttl_s = ttl_s
        self._margin_s = margin_s
        self._revision = 0
        self._until = 0.0
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Lease:
        """Wait until the lease is ours, and keep it from then on."""
        await self.acquire()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lease back, so that another need not wait for its end."""
        await self.release()

    @property
    def is_ours(self) -> bool:
        """Whether it is surely ours at this moment."""
        return bool(self.token) and not self.lost.is_set() and self._now() < self._until

    async def acquire(self) -> int:
        """Return the fencing token when the lease is ours; until then, wait without end."""
        while True:
            if await self.try_acquire():
                return self.token
            await asyncio.sleep(self._ttl_s / 8)

    async def try_acquire(self) -> bool:
        """Take the lease if it is free; return whether it is ours now."""
        began = self._now()
        try:
            revision = await self._take()
        except JidokaError as problem:
            log.debug("lease %s: %s", self.key, problem)
            return False
        if revision is None:
            return False
        self.lost.clear()
        self.token = self._revision = revision
        self._until = began + self._ttl_s - self._margin_s
        self._renewing = asyncio.create_task(self._renew(), name=f"lease {self.key}")
        return True

    async def release(self) -> None:
        """Give the lease back; nothing happens where it is not ours."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
            self._renewing = None
        if self.token and not self.lost.is_set():
            try:
                await self._write(self._revision, {OPERATION: "DEL"}, b"")
            except JidokaError as problem:
                log.debug("lease %s was not given back: %s", self.key, problem)
        self.lost.set()

    async def _take(self) -> int | None:
        """Return the revision of our entry, None where somebody else holds the lease."""
        revision = await self._write(0)
        if revision is not None:
            return revision
        value = await self._bucket.get(self.key)
        if value is None:
            return None
        if value.body is None or value.body == self._name():
            return await self._write(value.revision)  # an end, or our own lost acknowledgement
        return None

    async def _renew(self) -> None:
        pause_s = self._ttl_s / 3
        while self._now() < self._until:
            await asyncio.sleep(min(pause_s, max(self._until - self._now(), 0)))
            began = self._now()
            if began >= self._until:
                break
            try:
                async with asyncio.timeout(self._until - began):
                    revision = await self._write(self._revision) or await self._found()
            except (TimeoutError, JidokaError):
                continue  # until our own clock says that it is over
            if revision is None:
                break
            self._revision = revision
            self._until = began + self._ttl_s - self._margin_s
        log.warning("lease %s is lost", self.key)
        self.lost.set()

    async def _found(self) -> int | None:
        """Return the revision of our own entry if it still stands: a lost acknowledgement."""
        value = await self._bucket.get(self.key)
        return value.revision if value and value.body == self._name() else None

    async def _write(
        self, expected: int, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> int | None:
        """Write our entry where `expected` stands; None where something else does."""
        wanted = {_EXPECTED: str(expected), "Nats-TTL": str(self._ttl_s)} | (headers or {})
        content = self._name() if body is None else body
        subject = self._bucket.subject(self.key)
        try:
            revision, _ = await self._bus.store(subject, content, wanted, self._ttl_s / 2)
        except APIError as refused:
            if refused.err_code == WRONG_LAST_SEQUENCE:
                return None
            raise raised(refused, self.key, len(content)) from None
        return revision

    def _name(self) -> bytes:
        return self.holder.encode()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
