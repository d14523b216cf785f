"""A session into a file: beside it first, then in its place, so that there is no half of one."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from contextlib import aclosing
from pathlib import Path
from tempfile import NamedTemporaryFile

from jidoka.bus.connection import Bus
from jidoka.bus.portable import export_lines
from jidoka.contract.envelope import utc
from jidoka.contract.errors import JidokaError, StorageFull, StorageNotWritable
from jidoka.contract.events import iso


async def export(bus: Bus, session_id: str, file: Path) -> int:
    """Write a session to `file`, which only its owner may read; return how many bytes it has.

    Raises:
        SessionNotFound, LogDamaged: it cannot be read. StorageNotWritable, StorageFull: the disk.
    """
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as beside:
            try:
                async with aclosing(export_lines(bus, session_id, iso(utc(time.time())))) as lines:
                    async for line in lines:
                        await asyncio.to_thread(beside.write, line)
                beside.flush()
                await asyncio.to_thread(os.fsync, beside.fileno())
                size_bytes = beside.tell()
                await asyncio.to_thread(Path(beside.name).replace, file)
            except BaseException:
                _remove(beside.name)
                raise
    except OSError as problem:
        raise _error(problem, file) from None
    return size_bytes


def _remove(name: str) -> None:
    Path(name).unlink(missing_ok=True)


def _error(problem: OSError, file: Path) -> JidokaError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull()
    return StorageNotWritable(path=str(file))
