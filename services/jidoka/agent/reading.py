"""What the model is told of the project, read when it is about to be asked: only what changed.

A file is read again when its stamp (inode, size, time) is another one. What was read is recorded in
`llm.requested`, so nothing here is ever asked by a replay.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jidoka.agent.file_index import MOST_ENTRIES, NotWhole, index_of
from jidoka.agent.notes import NAMES, places, repository_of
from jidoka.contract.briefing import ContextSource
from jidoka.contract.errors import JidokaError, PathNotFound
from jidoka.core.briefing import Briefing, key_of
from jidoka.core.state import SessionState
from jidoka.sandbox.beneath import Beneath

NOTE_BYTES = 32 * 1024
INDEX_AGE = timedelta(minutes=10)
"""An older index is taken anew when a turn begins."""
_LOOKED_AT_BYTES = 8_192
_SMALL = 200
"""Entries of a folder that is looked through at once."""

Stamp = tuple[int, int, int]


def _unnoticed(_path: str, _sha256: str) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class Reading:
    """Reads for one session."""

    root: str
    now: Callable[[], datetime]
    clean: Callable[[str], str] = str
    """Strikes secrets out of what was read."""
    saw: Callable[[str, str], None] = _unnoticed
    """Is told path and sha-256 of a file that the model has whole before it."""
    _folders: dict[str, Beneath] = field(default_factory=dict[str, Beneath])
    _seen: dict[str, tuple[Stamp, ContextSource]] = field(
        default_factory=dict[str, tuple[Stamp, ContextSource]]
    )
    _repository: str = ""
    _indexed_at: datetime | None = None

    async def changes(
        self, state: SessionState, briefing: Briefing, *, whole: bool = False
    ) -> tuple[ContextSource, ...]:
        """Return what is other than the log says, to be recorded with the next request.

        Notes and index are looked at when a turn begins, or `whole`; active files always.
        """
        found: list[ContextSource] = []
        begins = whole or state.turn is None or state.turn.step == 0
        try:
            if begins:
                found += [*self._notes(briefing), *await self._index(briefing)]
            found += self._files(state, briefing)
        except (OSError, JidokaError):
            return ()  # the folder is gone: each tool says so, and the model goes on
        return tuple(source for source in found if _is_news(source, briefing))

    def close(self) -> None:
        """Let go of the folders."""
        for folder in self._folders.values():
            folder.close()
        self._folders.clear()

    # --- notes, index, files ---

    def _notes(self, briefing: Briefing) -> Iterator[ContextSource]:
        self._repository = self._repository or repository_of(self.root)
        there: set[str] = set()
        for climb, place in places(self.root, self._repository):
            for name in NAMES:
                shown = f"{climb}{name}"
                note = self._read("note", shown, self._repository, f"{place}{name}", NOTE_BYTES)
                if note is not None and not note.problem:
                    there.add(shown)
                    yield note
                    break
        for gone in (note for note in briefing.of_kind("note") if note.path not in there):
            yield ContextSource(kind="note", path=gone.path)

    async def _index(self, briefing: Briefing) -> list[ContextSource]:
        since = briefing.indexed_at
        taken = self._indexed_at if since is not None and self._indexed_at else since
        if taken is not None and self.now() - taken < INDEX_AGE:
            return []
        self._indexed_at = self.now()
        try:
            text = self._walked(_SMALL, whole=True)  # quicker than any thread is made
        except NotWhole:
            text = await asyncio.to_thread(self._walked, MOST_ENTRIES)
        size = len(text.encode("utf-8", "replace"))
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        index = ContextSource(kind="index", path=".", sha256=digest, size_bytes=size, text=text)
        return [index]

    def _walked(self, most: int, *, whole: bool = False) -> str:
        folder = self._folder(self.root).open_folder(".")
        try:
            return index_of(folder, most, whole=whole)
        finally:
            os.close(folder)

    def _files(self, state: SessionState, briefing: Briefing) -> Iterator[ContextSource]:
        active = state.attention.files
        most = state.limits.active_file_bytes
        for path in active:
            file = self._read("file", path, self.root, path, most)
            if file is not None and file.sha256 and not file.problem and file.size_bytes <= most:
                self.saw(path, file.sha256)
            missing = ContextSource(kind="file", path=path, problem="there is no such file")
            yield file or missing
        for gone in (file for file in briefing.of_kind("file") if file.path not in active):
            yield ContextSource(kind="file", path=gone.path)

    # --- one file ---

    def _read(
        self, kind: str, shown: str, folder: str, path: str, most: int
    ) -> ContextSource | None:
        """Return a file as it is now, None where there is none."""
        try:
            descriptor = self._folder(folder).open_file(path)
        except PathNotFound:
            return None
        except JidokaError as problem:
            return ContextSource(kind=kind, path=shown, problem=problem.message)
        with os.fdopen(descriptor, "rb") as file:
            stat = os.fstat(descriptor)
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            key = key_of(kind, f"{most}:{shown}")
            before = self._seen.get(key)
            if before is None or before[0] != stamp:
                read = _source(kind, shown, file.read(most + 1), stat.st_size, most)
                read = read.model_copy(update={"text": self.clean(read.text)})
                self._seen[key] = before = (stamp, read)
        return before[1]

    def _folder(self, path: str) -> Beneath:
        if path not in self._folders:
            self._folders[path] = Beneath(path)
        return self._folders[path]


def _source(kind: str, path: str, data: bytes, size: int, most: int) -> ContextSource:
    digest = hashlib.sha256(data).hexdigest()
    if b"\0" in data[:_LOOKED_AT_BYTES]:
        return ContextSource(
            kind=kind, path=path, sha256=digest, size_bytes=size, problem="it is a binary file"
        )
    text = data[:most].decode("utf-8", "replace")
    if len(data) > most:
        text = f"{text}\n[... {max(size, len(data)) - most} bytes are not shown ...]"
    return ContextSource(kind=kind, path=path, sha256=digest, size_bytes=size, text=text)


def _is_news(source: ContextSource, briefing: Briefing) -> bool:
    known = briefing.sources.get(key_of(source.kind, source.path))
    if source.sha256 is None and not source.problem:
        return known is not None
    # not by the text: what is recorded has placeholders where the file has secrets
    return known is None or _stamp_of(known) != _stamp_of(source)


def _stamp_of(source: ContextSource) -> tuple[str | None, int, str]:
    return source.sha256, source.size_bytes, source.problem
