"""What a session's model would be sent now, told without waking the session.

The host folds the log and reads the project as a worker would before the next call. Nothing is
recorded, and no model is asked.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from typing import Protocol

from jidoka.agent.clock import now
from jidoka.agent.pairing import toolbox_of
from jidoka.agent.reading import Reading
from jidoka.agent.secrets import SessionSecrets
from jidoka.agent.session import LiveSession
from jidoka.agent.snapshots import SnapshotKeeper
from jidoka.bus.buckets import Snapshots
from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract.errors import LogDamaged, ProjectNotFound, SessionNotFound, TooLarge
from jidoka.contract.internal import ContextAsked, FileAsked
from jidoka.contract.replies import ContextReport
from jidoka.core.context import Assembled, assembled, offered
from jidoka.core.ports import Entry, Head
from jidoka.core.servers import told_of
from jidoka.sandbox.beneath import Beneath
from jidoka.tools.background import BackgroundShells

MOST_BYTES = 4 * 1024 * 1024
"""Of an answer."""


class Log(Protocol):
    """Where the session's events are."""

    def read(self, session_id: str, after: Head | None = None) -> AsyncIterator[Entry]:
        """Yield what is recorded after `after`, then end."""
        ...


async def context_of(asked: ContextAsked, bus: Bus, fetch_hosts: Sequence[str]) -> ContextReport:
    """Return what the model would be sent, with the sizes of its parts.

    Raises:
        SessionNotFound: there is no such session.
        ContextOverflow: not even what has to be there fits the window.
        TooLarge: it is more than an answer holds; ask for the sizes alone.
    """
    session = await _folded(asked.session_id, NatsEventLog(bus), Snapshots(bus))
    specs = toolbox_of(BackgroundShells(), fetch_hosts).specs_for_model()
    state, transcript = session.state, session.transcript
    secrets = SessionSecrets(bus.redactors, state.session_id, state.project_path)
    reading = Reading(state.project_path, now, lambda text: secrets.redactor().text(text)[0])
    try:
        sources = await reading.changes(state, transcript.briefing, whole=True)
    finally:
        reading.close()
    transcript.briefing = transcript.briefing.with_sources(sources)
    specs += told_of(state.servers, transcript.briefing.servers)
    sent = assembled(state, transcript, offered(specs, state.tools))
    report = _report(session, sent, asked.include)
    size = len(report.model_dump_json())
    if size > MOST_BYTES:
        raise TooLarge(what="the context", size_bytes=size, maximum_bytes=MOST_BYTES)
    return report


def look_at(asked: FileAsked) -> None:
    """Return where there is such a file in a project.

    Raises:
        PathNotFound, PathOutsideProject, ToolFailed: there is none that could be read.
        ProjectNotFound: the folder is not there.
    """
    try:
        files = Beneath(asked.project_path)
    except OSError:
        raise ProjectNotFound(path=asked.project_path) from None
    with closing(files):
        os.close(files.open_file(asked.path))


async def _folded(session_id: str, log: Log, snapshots: Snapshots) -> LiveSession:
    """Return a session folded up to its end; a snapshot that is not of this log is passed over."""
    session = LiveSession(session_id)
    await SnapshotKeeper(snapshots, session).restore()
    try:
        await _absorb(session, log)
    except LogDamaged:
        session = LiveSession(session_id)
        await _absorb(session, log)
    if session.state.status is None:
        raise SessionNotFound(asked=session_id)
    return session


async def _absorb(session: LiveSession, log: Log) -> None:
    async for entry in log.read(session.state.session_id, session.state.head):
        session.absorb(entry)


def _report(session: LiveSession, sent: Assembled, include: Sequence[str]) -> ContextReport:
    state, briefing, room = session.state, session.transcript.briefing, sent.room
    return ContextReport(
        session_id=state.session_id,
        model=state.llm.full_name,
        sequence=state.head.sequence,
        tokens=sent.tokens,
        window=room.window,
        window_known=room.known,
        percent=round(100 * sent.tokens / room.window, 1),
        compact_at=int(room.compact_at * room.factor),
        compactions=briefing.compactions,
        parts=sent.parts,
        messages=sent.messages if "messages" in include else (),
        tools=sent.tools if "tools" in include else (),
        todo=briefing.todo,
        files=state.attention.files,
    )
