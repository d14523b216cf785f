"""Builders of recorded events: logs as the broker would give them, without a broker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from jidoka.contract.content import LlmConfig, PermissionMode, Status
from jidoka.contract.envelope import Envelope, digest_of, type_of
from jidoka.contract.events import Event, SessionCreated, SessionStatusChanged, WorkerAssigned
from jidoka.core.ports import Entry, Head

START = datetime(2026, 1, 1, tzinfo=UTC)
FREE_AT_WORK: tuple[Event, ...] = (
    SessionCreated(
        session_name="a",
        project_path="/p",
        llm=LlmConfig(),
        permission_mode=PermissionMode.FULL_AUTO,
    ),
    SessionStatusChanged(status=Status.INITIALIZING),
    WorkerAssigned(host="h", epoch=1),
    SessionStatusChanged(status=Status.ACTIVE),
)
"""The first events of a session that may do all, until its worker serves it."""


class LogWriter:
    """The logs of several sessions in one stream, with cursors, numbers and hashes as they are."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._heads: dict[str, Head] = {}

    def write(self, session_id: str, *events: Event) -> list[Entry]:
        """Record events of one session, a second apart; return their entries."""
        return [self._write(session_id, event) for event in events]

    def create(self, session_id: str, path: str = "/p", name: str = "demo") -> list[Entry]:
        """Record the birth of a session."""
        llm = LlmConfig(provider="scripted", model="hello.json")
        return self.write(
            session_id,
            SessionCreated(session_name=name, project_path=path, llm=llm),
            SessionStatusChanged(status=Status.INITIALIZING, reason="created"),
        )

    def _write(self, session_id: str, event: Event) -> Entry:
        before = self._heads.get(session_id, Head())
        cursor = len(self.entries) + 1
        envelope = Envelope(
            id=f"id-{cursor}",
            source="/jidoka/test/1",
            type=type_of(event.name),
            subject=session_id,
            time=START + timedelta(seconds=cursor),
            sequence=f"{before.sequence + 1:010d}",
            prevhash=before.digest,
            causationid=f"cause-{cursor}",
            data=event.model_dump(mode="json"),
        )
        head = Head(cursor, before.sequence + 1, digest_of(envelope.to_json()))
        entry = Entry(event, envelope, head)
        self._heads[session_id] = head
        self.entries.append(entry)
        return entry


def batches(entries: list[Entry], size: int) -> Iterable[list[Entry]]:
    """Yield the entries in batches."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
