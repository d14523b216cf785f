"""A file on its way into the system: in the object store as long as it is asked about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.portable import MOST_BYTES
from jidoka.contract.errors import ImportInvalid, TooLarge

STAGE: Final = "import"


@asynccontextmanager
async def staged(bus: Bus, file: Path) -> AsyncGenerator[str]:
    """Yield the reference of a file's content, which is taken away again in the end.

    Raises:
        ImportInvalid: it cannot be read. TooLarge: more than 64 MiB.
    """
    try:
        size_bytes = (await asyncio.to_thread(file.stat)).st_size
        if size_bytes > MOST_BYTES:
            raise TooLarge(what="export", size_bytes=size_bytes, maximum_bytes=MOST_BYTES)
        body = await asyncio.to_thread(file.read_bytes)
    except OSError as problem:
        raise ImportInvalid(line=0, reason=f"{file} cannot be read ({problem.strerror})") from None
    blobs = NatsBlobs(bus)
    kept = await blobs.put(STAGE, body, "application/jsonl")
    try:
        yield kept.ref
    finally:
        await blobs.delete(kept.ref)
