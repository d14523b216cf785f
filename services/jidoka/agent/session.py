"""The session as its worker knows it: state and conversation, folded from the log."""

from __future__ import annotations

import asyncio

from jidoka.core.ports import Entry
from jidoka.core.session import evolve
from jidoka.core.snapshot import Snapshot
from jidoka.core.state import SessionState
from jidoka.core.transcript import Transcript


class LiveSession:
    """Takes in entries from whoever sees them first: the follower or an own append."""

    def __init__(self, session_id: str) -> None:
        self.state = SessionState(session_id=session_id)
        self.transcript = Transcript()
        self.last_id: str | None = None
        """The id of the last event: what the next one is caused by."""
        self.leaving = ""
        """Why the worker is to leave, whatever the log says."""
        self._changed = asyncio.Event()

    def absorb(self, entry: Entry) -> None:
        """Fold one entry; one that was folded before changes nothing."""
        if entry.sequence <= self.state.head.sequence:
            return
        self.state = evolve(self.state, entry)
        self.transcript.add(entry)
        self.last_id = entry.envelope.id
        self._changed.set()

    def restore(self, snapshot: Snapshot) -> None:
        """Begin from a snapshot instead of from nothing."""
        self.state = snapshot.state
        self.transcript = snapshot.transcript
        self.last_id = snapshot.last_id

    def leave(self, reason: str) -> None:
        """Let the worker leave as soon as it can."""
        self.leaving = reason
        self._changed.set()

    async def change(self) -> None:
        """Return when something was absorbed since the last time."""
        await self._changed.wait()
        self._changed.clear()
