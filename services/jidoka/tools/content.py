"""Whole files, by content: read within a limit, hashed, and as text that can be written back."""

from __future__ import annotations

import hashlib
import os

from jidoka.contract.errors import FileChanged, PathNotFound, TooLarge
from jidoka.core.tooling import MIB, FileState, ProjectFiles, ToolContext

MAX_FILE_BYTES = 10 * MIB
_LOOKED_AT_BYTES = 8192


def load(files: ProjectFiles, path: str) -> bytes:
    """Return what is in a file.

    Raises:
        TooLarge: more than 10 MiB.
        PathNotFound, PathOutsideProject, ToolFailed: as `ProjectFiles.open_file`.
    """
    with os.fdopen(files.open_file(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        what = f"file {path!r}"
        raise TooLarge(what=what, size_bytes=size, maximum_bytes=MAX_FILE_BYTES)
    return data


def digest(data: bytes) -> str:
    """Return the sha-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


def state_of(files: ProjectFiles, path: str) -> FileState:
    """Return a file as it is now; a hash of None: there is none."""
    place = files.place(path)
    try:
        return FileState(place, digest(load(files, place)))
    except PathNotFound:
        return FileState(place, None)


def refuse_stale(context: ToolContext, place: str, data: bytes) -> None:
    """Refuse to write over what this session last saw otherwise.

    Raises:
        FileChanged: somebody else wrote the file since.
    """
    seen, now = context.read_marks.get(place), digest(data)
    if seen is not None and seen != now:
        raise FileChanged(path=place, expected=seen[:12], actual=now[:12])


def is_binary(data: bytes) -> bool:
    """Tell whether a person would not call `data` text."""
    return b"\0" in data[:_LOOKED_AT_BYTES]


def as_text(data: bytes) -> str:
    """Return text that `as_bytes` turns back into the very same bytes, UTF-8 or not."""
    return data.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """Return the bytes of what `as_text` gave, with whatever was changed in it."""
    return text.encode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    """Return `text` without what no provider accepts: NUL and bytes that are no character."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return clean.replace("\0", "\ufffd")
