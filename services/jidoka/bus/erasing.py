"""All that the broker holds of a session, erased up to one event of its log."""

from __future__ import annotations

from typing import Any, Final

from nats.js.errors import APIError

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.buckets import Snapshots
from jidoka.bus.connection import Bus
from jidoka.bus.refusals import raised
from jidoka.contract import subjects

PURGE_S: Final = 30.0


class NatsEraser:
    """Erases sessions; doing it twice is doing it once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def erase(self, session_id: str, before_cursor: int) -> None:
        """Erase the events before a stream sequence, and deltas, snapshot and blobs altogether.

        Raises:
            Unavailable, TimedOut: a part may be left; the same again erases it.
        """
        events = {"filter": subjects.session_events(session_id), "seq": before_cursor}
        await self._purge(subjects.EVENTS_STREAM, events)
        await self._purge(subjects.LIVE_STREAM, {"filter": subjects.session_lives(session_id)})
        await Snapshots(self._bus).delete(session_id)
        await NatsBlobs(self._bus).delete_session(session_id)

    async def _purge(self, stream: str, what: dict[str, Any]) -> None:
        try:
            await self._bus.api(f"STREAM.PURGE.{stream}", what, PURGE_S)
        except APIError as refused:
            raise raised(refused, stream, 0) from None
