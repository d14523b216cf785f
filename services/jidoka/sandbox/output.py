"""What a command printed, kept within bounds: its head, its tail, and a file with the rest."""

from __future__ import annotations

import codecs
import os
import tempfile
from collections.abc import Callable

from jidoka.core.tooling import INLINE_BYTES, SPILL_BYTES

_HALF = INLINE_BYTES // 2 - 128
"""A little less than half: a sentence about what was left out stands between them."""
_NOT_FIRST_MASK, _NOT_FIRST = 0xC0, 0x80
"""Tells the later bytes of a UTF-8 character."""


class Output:
    """Takes bytes as they come; holds at most 64 KiB of them, and a file once there are more."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self.size = 0
        self.spill: str | None = None
        self._on_text = on_text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._head = bytearray()
        self._tail = bytearray()
        self._spill_fd: int | None = None

    def add(self, data: bytes) -> None:
        """Keep `data` and hand its text on."""
        if self._spill_fd is None and self.size + len(data) > INLINE_BYTES:
            self._spill_fd, self.spill = tempfile.mkstemp(prefix="jidoka-output-")
            os.write(self._spill_fd, self._head + self._tail)
        if self._spill_fd is not None and self.size < SPILL_BYTES:
            os.write(self._spill_fd, data[: SPILL_BYTES - self.size])
        self.size += len(data)
        room = max(0, _HALF - len(self._head))
        self._head += data[:room]
        self._tail += data[room:]
        if self._spill_fd is not None:
            del self._tail[: max(0, len(self._tail) - _HALF)]
        if text := self._decoder.decode(data):
            self._on_text(_clean(text))

    def close(self) -> None:
        """Close the file; it stays where `spill` says."""
        if text := self._decoder.decode(b"", final=True):
            self._on_text(text)
        if self._spill_fd is not None:
            os.close(self._spill_fd)
            self._spill_fd = None

    def head(self) -> str:
        """Return the beginning: everything, while that is at most 64 KiB."""
        if self.spill is None:
            return _clean((self._head + self._tail).decode("utf-8", "replace"))
        # what is left of a character that was cut in two is left out
        return _clean(codecs.getincrementaldecoder("utf-8")("replace").decode(self._head))

    def tail(self) -> str:
        """Return the end, empty while `head` is everything."""
        if self.spill is None:
            return ""
        first = (i for i in range(4) if self._tail[i] & _NOT_FIRST_MASK != _NOT_FIRST)
        return _clean(self._tail[next(first, 0) :].decode("utf-8", "replace"))

    def discard(self) -> None:
        """Close and remove the file: nobody wants the output any more."""
        self.close()
        if self.spill is not None:
            os.unlink(self.spill)  # noqa: PTH108 - the path came from tempfile as text
            self.spill = None


def _clean(text: str) -> str:
    # providers and terminals choke on NUL, and it means nothing to a reader
    return text.replace("\0", "\ufffd")
