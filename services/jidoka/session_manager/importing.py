"""Brings exported sessions in: the file is checked, its blobs are kept, one event makes it true.

The id of the new session follows from the file, so that the same file comes in once; where that
session was deleted, the next id that follows from it is taken.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

from jidoka.bus.blobs import NatsBlobs, parts_of
from jidoka.bus.portable import MOST_BYTES, Export, read_export
from jidoka.contract.commands import ImportSession
from jidoka.contract.content import PastEvent
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import ImportInvalid, Refused, SessionExists, Unavailable
from jidoka.contract.events import SessionCreated, SessionDeleted, SessionImported
from jidoka.contract.ids import session_id_of
from jidoka.core.history import history_of, moved_history
from jidoka.session_manager.create import Creator, Past
from jidoka.session_manager.ports import Logs

MOST_DELETED: Final = 1_000
"""How often one file may be imported and the session be deleted again."""


class Importer:
    """Makes sessions from files, one at a time: a file is held in memory."""

    def __init__(self, creator: Creator, log: Logs, blobs: NatsBlobs) -> None:
        self._creator = creator
        self._log = log
        self._blobs = blobs
        self._one = asyncio.Lock()

    async def bring_in(self, command: ImportSession, asked: Envelope) -> str:
        """Return the id of the session that a file became.

        Raises:
            ImportInvalid, UnsupportedVersion, TooLarge: the file. SessionExists: it is here.
            What creating a session raises. In each case nothing of it is left.
        """
        sha256 = parts_of(command.export)[1]
        async with self._one:
            session_id, is_there = await self._place(sha256, asked)
            if not is_there:
                await self._made(session_id, command, asked)
            return session_id

    async def _place(self, sha256: str, asked: Envelope) -> tuple[str, bool]:
        """Return the id for a file, and whether this very command has made the session before."""
        for number in range(MOST_DELETED):
            session_id = session_id_of(sha256, str(number))
            last = await self._log.last(session_id)
            if last is None:
                return session_id, False
            if isinstance(last.event, SessionDeleted):
                continue
            if await self._is_of(session_id, asked):
                return session_id, True
            raise SessionExists(session_id=session_id)
        raise Unavailable(part="the import", why="it was imported and deleted too often")

    async def _is_of(self, session_id: str, asked: Envelope) -> bool:
        async with aclosing(self._log.read(session_id)) as entries:
            first = await anext(entries)
        if not isinstance(first.event, SessionImported):
            return False
        return (first.event.origin, first.causation_id) == (asked.source, asked.id)

    async def _made(self, session_id: str, command: ImportSession, asked: Envelope) -> None:
        body = await self._blobs.find(command.export, MOST_BYTES)
        if body is None:
            raise ImportInvalid(line=1, reason="the file was not put into the object store")
        sha256 = parts_of(command.export)[1]
        export = await asyncio.to_thread(read_export, body)
        history, wanted = await asyncio.to_thread(_moved, export, session_id)

        def birth(created: SessionCreated) -> SessionImported:
            return SessionImported(
                **dict(created),
                history=history,
                imported_from=export.session_id,
                export_hash=sha256,
            )

        try:
            for value in wanted:
                await self._blobs.put(session_id, value)
            await self._creator.create(command, asked, Past(session_id, birth))
        except Refused:
            await self._blobs.delete_session(session_id)
            raise


def _moved(export: Export, session_id: str) -> tuple[tuple[PastEvent, ...], list[bytes]]:
    """Return the conversation with references to the new session's blobs, and those blobs."""
    moved = moved_history(history_of(export.entries), export.session_id, session_id)
    return moved.history, [value for sha256, value in export.blobs.items() if sha256 in moved.blobs]
