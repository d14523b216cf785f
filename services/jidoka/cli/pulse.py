"""A line on the terminal that says what is being waited for, gone before anything is printed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from shutil import get_terminal_size
from typing import Final, TextIO

QUIET_S: Final = 1.0
BEAT_S: Final = 0.25
SIGNS: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BESIDE: Final = 12
"""Characters of the sign and the seconds, and room for some."""
_ERASE: Final = "\r\x1b[2K"


@dataclass(slots=True)
class Pulse:
    """Draws while nothing else is printed; `what` says what is waited for, or nothing."""

    out: TextIO
    what: Callable[[], str]
    _since: float = field(default_factory=time.monotonic)
    _drawn: bool = False

    def hide(self) -> None:
        """Take the line away: something is about to be printed."""
        if self._drawn:
            self.out.write(_ERASE)
            self.out.flush()
        self._drawn, self._since = False, time.monotonic()

    def beat(self) -> None:
        """Draw the line if it has been quiet for a second."""
        waited_s, what = time.monotonic() - self._since, self.what()
        if waited_s < QUIET_S or not what:
            return
        sign = SIGNS[round(waited_s / BEAT_S) % len(SIGNS)]
        room = get_terminal_size().columns - _BESIDE  # a line that is broken is not erased
        what = what if len(what) <= room else f"{what[: max(room - 1, 1)]}…"
        self.out.write(f"{_ERASE}{sign} {what} {waited_s:.0f} s")
        self.out.flush()
        self._drawn = True

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator[None]:
        """Beat as long as the context lasts, on a terminal."""
        if not (self.out.isatty() and sys.stdout.isatty()):
            yield
            return
        task = asyncio.create_task(self._for_ever(), name="pulse")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.hide()

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat()
