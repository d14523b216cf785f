"""High-water marks: how far each session's log was, kept where no damage of the log reaches.

A log that was cut off or rolled back is still a valid chain; only something outside of it can
tell. So a file of its own holds the last number and hash of every session. It is a journal: a
batch of lines is added at least every 100 ms and forced to the disk, each line with a checksum, so
that a torn or flipped line is one mark less and never a wrong one. When most lines are outdated,
the file is written anew beside itself and put in its place.

A session that was deleted leaves a grave: a broker that loses the tombstone may bring its events
back, and they must not be served. So the file has a line for each session that ever was.
"""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jidoka.contract.ids import is_session_id
from jidoka.core.ports import Head

log = logging.getLogger(__name__)

BATCH_S: Final = 0.1
GRAVE_WORDS: Final = 5
SPARE_LINES: Final = 10_000
"""So many outdated lines, and as many as there are marks, before the file is written anew."""


@dataclass(frozen=True, slots=True)
class Grave:
    """Where a session lies that was deleted."""

    tombstone: Head
    last_digest: str
    """The hash of the event before the tombstone."""


Mark = Head | Grave
_FORGOTTEN: Final = Head()
"""What earlier builds wrote of a session that was deleted, instead of a grave."""


class Marks:
    """The marks in one file. One process writes it: the leading session-manager."""

    def __init__(self, path: Path, *, batch_s: float = BATCH_S) -> None:
        self._path = path
        self._batch_s = batch_s
        self._marks: dict[str, Mark] = {}
        self._new: dict[str, Mark] = {}
        self._lines = 0
        self._news = asyncio.Event()

    async def load(self) -> dict[str, Head]:
        """Read the file and return the mark of every session that is; no file is no marks."""
        self._marks, self._lines = await asyncio.to_thread(_read, self._path)
        return {each: mark for each, mark in self._marks.items() if isinstance(mark, Head)}

    def graves(self) -> dict[str, Grave]:
        """Return the graves of all sessions that were deleted."""
        known = {**self._marks, **self._new}
        return {each: mark for each, mark in known.items() if isinstance(mark, Grave)}

    def note(self, session_id: str, head: Head) -> None:
        """Remember that the log of a session reaches to `head`; it is on the disk 100 ms later."""
        mark = self._new.get(session_id) or self._marks.get(session_id)
        if isinstance(mark, Grave):
            return  # whatever comes of it now is no more than what was deleted
        if mark is None or head.sequence > mark.sequence:
            self._new[session_id] = head
            self._news.set()

    def bury(self, session_id: str, tombstone: Head, last_digest: str) -> None:
        """Remember that a session was deleted; `last_digest` is the hash of its last event."""
        self._new[session_id] = Grave(tombstone, last_digest)
        self._news.set()

    async def run(self) -> None:
        """Write what is noted, in batches, until cancelled; then write what is left."""
        try:
            while True:
                await self._news.wait()
                await asyncio.sleep(self._batch_s)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Put what is noted on the disk.

        A disk that refuses is said in the log and tried again with the next batch: the marks are
        a second witness, and the sessions go on without it.
        """
        batch, self._new = self._new, {}
        self._news.clear()
        if not batch:
            return
        writing = asyncio.create_task(self._write(batch), name="marks")
        try:
            await asyncio.wait({writing})
        finally:
            await asyncio.wait({writing})  # its thread goes on when we are cancelled: it is awaited
        writing.result()

    async def _write(self, batch: dict[str, Mark]) -> None:
        self._marks |= batch
        self._lines += len(batch)
        try:
            if self._lines > 2 * len(self._marks) + SPARE_LINES:
                await asyncio.to_thread(_rewrite, self._path, dict(self._marks))
                self._lines = len(self._marks)
            else:
                await asyncio.to_thread(_append, self._path, batch)
        except OSError as problem:
            log.error("the high-water marks were not written: %s", problem)
            self._new = batch | self._new
            self._news.set()


@dataclass(frozen=True, slots=True)
class _Line:
    session_id: str
    mark: Mark


def _written(session_id: str, mark: Mark) -> bytes:
    """Return a line: id, number, hash, stream sequence, and the checksum of what is before it.

    A grave has the hash of the event before the tombstone too.
    """
    head = mark.tombstone if isinstance(mark, Grave) else mark
    words = [session_id, str(head.sequence), head.digest, str(head.cursor)]
    text = " ".join([*words, mark.last_digest] if isinstance(mark, Grave) else words).encode()
    return b"%s %08x\n" % (text, zlib.crc32(text))


def _opened(line: bytes) -> _Line | None:
    text, _, checksum = line.rpartition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    words = text.decode("ascii").split(" ")
    session_id, sequence, digest, cursor = words[:4]
    if not is_session_id(session_id):
        return None
    head = Head(cursor=int(cursor), sequence=int(sequence), digest=digest)
    return _Line(session_id, Grave(head, words[4]) if len(words) == GRAVE_WORDS else head)


def _read(path: Path) -> tuple[dict[str, Mark], int]:
    """Return the marks and how many lines the file has."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}, 0
    marks: dict[str, Mark] = {}
    for raw in lines:
        line = _opened(raw)
        if line is None:
            log.warning("a high-water mark in %s cannot be read and is passed over", path)
        elif line.mark == _FORGOTTEN:
            marks.pop(line.session_id, None)
        else:
            marks[line.session_id] = line.mark
    return marks, len(lines)


def _append(path: Path, batch: dict[str, Mark]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        # a line that was torn off in a crash must not swallow the next one
        begin = b"\n" if file.tell() and not _ends_with_a_line(path) else b""
        file.write(begin + b"".join(_written(each, mark) for each, mark in batch.items()))
        file.flush()
        os.fsync(file.fileno())


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _rewrite(path: Path, marks: dict[str, Mark]) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(b"".join(_written(each, mark) for each, mark in marks.items()))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
