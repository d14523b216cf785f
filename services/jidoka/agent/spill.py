"""Where long outputs of tools go: into the object store, as blobs of their session."""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from jidoka.contract.content import BlobRef
from jidoka.contract.redaction import Redactor, Redactors

_PIECE_CHARACTERS: Final = 64 * 1024


class Blobs(Protocol):
    """Where large values are kept."""

    async def put(self, session_id: str, value: bytes | Path, content_type: str = ...) -> BlobRef:
        """Store a value and return its reference."""
        ...


class BlobSpill:
    """Keeps spilled outputs as blobs, without the secrets in them."""

    def __init__(self, blobs: Blobs, redactors: Redactors) -> None:
        self._blobs = blobs
        self._redactors = redactors

    async def keep(self, session_id: str, path: str) -> BlobRef:
        """Store the file at `path` as a blob of the session, and remove it."""
        spilled = Path(path)
        descriptor, name = tempfile.mkstemp(prefix="jidoka-output-")
        clean = Path(name)
        try:
            redactor = self._redactors.of(session_id)
            await asyncio.to_thread(_copy, spilled, descriptor, redactor)
            return await self._blobs.put(session_id, clean, "text/plain; charset=utf-8")
        finally:
            for file in (spilled, clean):
                with suppress(OSError):
                    file.unlink()


def _copy(source: Path, descriptor: int, redactor: Redactor) -> None:
    """Write what is in `source`, without secrets, piece by piece: it may be 64 MiB."""
    stream = redactor.stream()
    with (
        source.open(encoding="utf-8", errors="surrogateescape", newline="") as old,
        os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as new,
    ):
        while text := old.read(_PIECE_CHARACTERS):
            new.write(stream.feed(text))
        new.write(stream.close())
