"""Several files changed together: all of them, or none."""

from __future__ import annotations

from jidoka.contract.errors import JidokaError, PathNotFound, ToolFailed
from jidoka.core.tooling import FileState, ToolContext
from jidoka.tools.content import as_bytes, as_text, digest, is_binary, load, refuse_stale


class Changes:
    """The files of one call as they are, and as they shall be; nothing is written before `save`."""

    def __init__(self, context: ToolContext) -> None:
        self._context = context
        self._before: dict[str, bytes | None] = {}
        self._after: dict[str, bytes | None] = {}

    def text(self, path: str) -> str:
        """Return a file's text, with what was changed so far.

        Raises:
            PathNotFound: there is none (any more).
            FileChanged: somebody else wrote it since this session read it.
            ToolFailed: it is binary.
        """
        place = self._look(path)
        data = self._after[place]
        if data is None:
            raise PathNotFound(path=path)
        if is_binary(data):
            raise ToolFailed(reason=f"{place} is a binary file")
        return as_text(data)

    def exists(self, path: str) -> bool:
        """Tell whether there will be such a file."""
        return self._after[self._look(path)] is not None

    def put(self, path: str, text: str) -> None:
        """Have a file hold `text`."""
        self._after[self._look(path)] = as_bytes(text)

    def drop(self, path: str) -> None:
        """Have a file be gone."""
        self._after[self._look(path)] = None

    def save(self) -> tuple[FileState, ...]:
        """Write what differs and return it; when one file cannot be written, none is changed."""
        wanted = {p: data for p, data in self._after.items() if data != self._before[p]}
        done: list[str] = []
        try:
            for place, data in wanted.items():
                self._write(place, data)
                done.append(place)
        except JidokaError:
            for place in reversed(done):
                self._write(place, self._before[place])
            raise
        return tuple(FileState(p, None if d is None else digest(d)) for p, d in wanted.items())

    def _look(self, path: str) -> str:
        place = self._context.files.place_to_write(path)
        if place not in self._before:
            try:
                data = load(self._context.files, place)
                refuse_stale(self._context, place, data)
            except PathNotFound:
                data = None
            self._before[place] = self._after[place] = data
        return place

    def _write(self, place: str, data: bytes | None) -> None:
        if data is None:
            self._context.files.remove(place)
            self._context.read_marks.pop(place, None)
        else:
            self._context.files.replace(place, data)
            self._context.read_marks[place] = digest(data)
