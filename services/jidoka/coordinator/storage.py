"""Refuses what makes the log grow while the broker's disk is full."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jidoka.contract.commands import (
    Command,
    CreateSession,
    ForkSession,
    ImportSession,
    SubmitMessage,
)
from jidoka.contract.errors import StorageFull
from jidoka.settings.storage import FULL_BYTES, room_in

_GROWS: Final = (CreateSession, ForkSession, ImportSession, SubmitMessage)
"""What begins work; all else is short, or ends it."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The disk of the broker, where it is on this machine."""

    folder: Path | None

    def check(self, command: Command) -> None:
        """Return if there is room for what `command` begins.

        Raises:
            StorageFull: there is not; nothing was recorded.
        """
        if self.folder is None or not isinstance(command, _GROWS):
            return
        room = room_in(self.folder)
        if room.state == "full":
            raise StorageFull(free_bytes=room.free_bytes, needed_bytes=FULL_BYTES)
