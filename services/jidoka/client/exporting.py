"""A session into a file: beside it first, then in its place, so that there is no half of one."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from jidoka.bus.connection import Bus
from jidoka.bus.portable import export_lines
from jidoka.bus.requests import command
from jidoka.client.asking import new_id
from jidoka.contract.commands import GetSession
from jidoka.contract.envelope import Envelope, type_of, utc
from jidoka.contract.errors import (
    JidokaError,
    StorageFull,
    StorageNotWritable,
    TimedOut,
    Unavailable,
    from_dict,
)
from jidoka.contract.events import iso
from jidoka.contract.replies import SessionInfo
from jidoka.contract.subjects import command_request

SOURCE: Final = "/jidoka/client/export"
ANSWER_S: Final = 5.0


async def export(bus: Bus, session_id: str, file: Path, least: int = 0) -> int:
    """Write a session to `file`, which only its owner may read; return how many bytes it has.

    `least` is the number of an event that is known to be there.

    Raises:
        SessionNotFound, LogDamaged: it cannot be read. StorageNotWritable, StorageFull: the disk.
    """
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as beside:
            try:
                async with aclosing(_lines(bus, session_id, least)) as lines:
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


async def known_end(bus: Bus, session_id: str) -> int:
    """Return the number of a session's last event as the system knows it, 0 when none is there.

    A log that lost its end is whole in itself: only who had seen more can tell.

    Raises:
        SessionNotFound; LogDamaged: it is known to be.
    """
    asked = Envelope(
        id=new_id(),
        source=SOURCE,
        type=type_of(GetSession.name),
        subject=session_id,
        data={"session_id": session_id},
    )
    try:
        reply = await command(bus, command_request(GetSession.name), asked, ANSWER_S)
    except (Unavailable, TimedOut):
        return 0
    info = SessionInfo.model_validate(reply.data)
    if info.degraded and info.error is not None:
        raise from_dict(info.error.model_dump())
    return info.sequence


def _lines(bus: Bus, session_id: str, least: int) -> AsyncGenerator[bytes]:
    return export_lines(bus, session_id, iso(utc(time.time())), least)


def _remove(name: str) -> None:
    Path(name).unlink(missing_ok=True)


def _error(problem: OSError, file: Path) -> JidokaError:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull()
    return StorageNotWritable(path=str(file))
