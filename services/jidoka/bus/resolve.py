"""The data of a large event, from the object store back into its envelope."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

from jidoka.bus.blobs import parts_of
from jidoka.bus.entries import with_data
from jidoka.contract.errors import (
    InvalidMessage,
    JidokaError,
    LogDamaged,
    TimedOut,
    TooLarge,
    Unavailable,
)
from jidoka.contract.json import read_json
from jidoka.core.ports import Entry

MOST_BYTES: Final = 64 * 1024 * 1024
RETRY_S: Final = 0.2


class Findable(Protocol):
    """Where the data is."""

    @property
    def is_closed(self) -> bool:
        """Whether there is no use in asking again."""
        ...

    async def find(self, ref: str, maximum_bytes: int) -> bytes | None:
        """Return the value, None where it is not there or not what it was."""
        ...


async def resolved(
    blobs: Findable, entry: Entry, patience_s: float
) -> tuple[Entry, JidokaError | None]:
    """Return `entry` with the data that it refers to, and what was wrong with that if anything.

    Data that is lost or altered is `LogDamaged`; data that is no JSON, too large or another
    session's is a fault of this one event. Either way it stays an `UnknownEvent`. A broker that is
    away is no fault of it: it is asked again for `patience_s`.

    Raises:
        Unavailable, TimedOut: the broker was away for longer, or the connection is closed.
    """
    ref = entry.envelope.dataref
    if ref is None or entry.envelope.data is not None:
        return entry, None
    until = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            data = await _data(blobs, entry, ref)
        except (InvalidMessage, TooLarge, LogDamaged) as problem:
            return entry, problem
        except (Unavailable, TimedOut):
            if blobs.is_closed or asyncio.get_running_loop().time() >= until:
                raise
            await asyncio.sleep(RETRY_S)
        else:
            return with_data(entry.envelope.model_copy(update={"data": data}), entry.head)


async def _data(blobs: Findable, entry: Entry, ref: str) -> Any:
    if parts_of(ref)[0] != entry.envelope.subject:
        raise InvalidMessage.of("dataref", "refers to the data of another session")
    body = await blobs.find(ref, MOST_BYTES)
    if body is None:
        raise LogDamaged(first=entry.sequence, last=entry.sequence)
    return read_json(body, maximum_bytes=MOST_BYTES)
