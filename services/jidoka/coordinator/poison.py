"""What is no CloudEvent is put away with the reason, whether its sender waits for an answer or not.

Rarely enough that a stream of garbage cannot fill the quarantine that durable commands need.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from jidoka.bus.entries import Stored
from jidoka.bus.quarantine import Quarantine
from jidoka.contract.errors import JidokaError

log = logging.getLogger(__name__)

PROGRAM: Final = "coordinator"
EVERY_S: Final = 0.1
"""At most one in this time; the log names those that are left out."""
MOST_BYTES: Final = 256 * 1024


class Poison:
    """Puts away what could not be read."""

    def __init__(self, quarantine: Quarantine, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, in seconds."""
        self._quarantine = quarantine
        self._clock = clock
        self._last = float("-inf")

    async def put(self, original: Stored, error: JidokaError) -> None:
        """Put a message away; where that cannot be done now, the log says so and no more."""
        if self._clock() - self._last < EVERY_S or len(original.body) > MOST_BYTES:
            log.warning("%s was not read and not kept: %s", original.subject, error)
            return
        self._last = self._clock()
        try:
            await self._quarantine.put(PROGRAM, original, error)
        except JidokaError as problem:
            log.warning("%s was not read and not kept: %s", original.subject, problem)
