"""When a worker keeps a snapshot of its session, and how it begins from one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from jidoka.agent.session import LiveSession
from jidoka.contract.errors import JidokaError
from jidoka.core.snapshot import Snapshot, dump, load

log = logging.getLogger(__name__)

EVERY_EVENTS = 200
"""No worker folds more than this, and what one turn adds."""
AT_TURN_END_EVENTS = 50
"""Between two turns a snapshot is kept sooner."""


class Snapshots(Protocol):
    """Where snapshots are kept, one a session."""

    async def get(self, key: str) -> bytes | None:
        """Return the snapshot of a session, None where there is none."""
        ...

    async def put(self, key: str, body: bytes) -> None:
        """Replace the snapshot of a session."""
        ...


@dataclass(slots=True)
class SnapshotKeeper:
    """Keeps the snapshot of one session. A cache: its failures are logged and forgotten."""

    kept: Snapshots
    session: LiveSession
    last_sequence: int = 0

    async def restore(self) -> None:
        """Begin from the kept snapshot if there is one that can be read."""
        session_id = self.session.state.session_id
        try:
            body = await self.kept.get(session_id)
        except JidokaError as problem:
            log.warning("the snapshot of %s cannot be read: %s", session_id, problem.code)
            return
        snapshot = load(body) if body else None
        if snapshot is not None and snapshot.state.session_id == session_id:
            self.session.restore(snapshot)
            self.last_sequence = snapshot.state.head.sequence

    def is_due(self) -> bool:
        """Tell whether enough has happened since the last one."""
        state = self.session.state
        new = state.head.sequence - self.last_sequence
        return new >= (AT_TURN_END_EVENTS if state.turn is None else EVERY_EVENTS)

    async def keep(self) -> None:
        """Keep a snapshot of the session as it is now."""
        state = self.session.state
        if state.head.sequence == self.last_sequence:
            return
        self.last_sequence = state.head.sequence
        body = dump(Snapshot(state, self.session.transcript, self.session.last_id))
        try:
            await self.kept.put(state.session_id, body)
        except JidokaError as problem:
            log.warning("no snapshot of %s: %s", state.session_id, problem.code)
