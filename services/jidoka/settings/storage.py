"""How much room there is on the disk that holds the log, and from where on it is too little.

A broker that could not write for want of space takes nothing more until it is started anew, be
there room again or not. So what makes the log grow is refused while there is still enough for the
turns that run to end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

LOW_BYTES: Final = 512 * 1024 * 1024
"""Less than this is a warning."""
FULL_BYTES: Final = 64 * 1024 * 1024
"""With less than this no message and no new session is taken."""


@dataclass(frozen=True, slots=True)
class Room:
    """What is left on a disk."""

    free_bytes: int

    @property
    def state(self) -> Literal["ok", "low", "full"]:
        """`full` says that messages are refused."""
        if self.free_bytes < FULL_BYTES:
            return "full"
        return "low" if self.free_bytes < LOW_BYTES else "ok"


def room_in(folder: Path) -> Room:
    """Return how much may still be written to the disk of a folder, or of the nearest above it."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    disk = os.statvfs(there)
    return Room(disk.f_bavail * disk.f_frsize)
