"""Where long outputs of tools go: into the object store, as blobs of their session."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jidoka.contract.content import BlobRef


class Blobs(Protocol):
    """Where large values are kept."""

    async def put(self, session_id: str, value: bytes | Path, content_type: str = ...) -> BlobRef:
        """Store a value and return its reference."""
        ...


class BlobSpill:
    """Keeps spilled outputs as blobs."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def keep(self, session_id: str, path: str) -> BlobRef:
        """Store the file at `path` as a blob of the session, and remove it."""
        spilled = Path(path)
        try:
            return await self._blobs.put(session_id, spilled, "text/plain; charset=utf-8")
        finally:
            with suppress(OSError):
                spilled.unlink()  # noqa: ASYNC240 - one entry of a local folder
