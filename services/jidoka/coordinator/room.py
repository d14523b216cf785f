"""How much may be in work at once: beyond it a command is refused at once, not kept waiting.

What the session-manager answers may take long, so it has a part of the room, never all of it: a
leader who is away does not close the door to messages.
"""

from __future__ import annotations

from typing import Final

from jidoka.contract.commands import MANAGER_COMMANDS
from jidoka.contract.subjects import name_of

MOST_COMMANDS: Final = 1_024
MOST_FORWARDED: Final = 512
MOST_BYTES: Final = 64 * 1024 * 1024


class Room:
    """What is in work, counted."""

    def __init__(self) -> None:
        self._commands = 0
        self._forwarded = 0
        self._bytes = 0

    def take(self, subject: str, size_bytes: int) -> bool:
        """Count one more command in; return False, and count nothing, where there is no room."""
        forwarded = name_of(subject) in MANAGER_COMMANDS
        if (
            self._commands >= MOST_COMMANDS
            or self._bytes + size_bytes > MOST_BYTES
            or (forwarded and self._forwarded >= MOST_FORWARDED)
        ):
            return False
        self._count(forwarded=forwarded, commands=1, size_bytes=size_bytes)
        return True

    def leave(self, subject: str, size_bytes: int) -> None:
        """Count a command out that was counted in."""
        forwarded = name_of(subject) in MANAGER_COMMANDS
        self._count(forwarded=forwarded, commands=-1, size_bytes=-size_bytes)

    def _count(self, *, forwarded: bool, commands: int, size_bytes: int) -> None:
        self._commands += commands
        self._forwarded += commands if forwarded else 0
        self._bytes += size_bytes
