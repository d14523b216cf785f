"""Forks sessions: the conversation up to a number, in a new session on a folder of its own."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from jidoka.bus.blobs import NatsBlobs, ref_of
from jidoka.contract.commands import CreateSession, ForkSession
from jidoka.contract.content import Sharing
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import InvalidMessage, LogDamaged, Refused
from jidoka.contract.events import SessionCreated, SessionForked
from jidoka.contract.ids import session_id_of
from jidoka.core.files_at import files_at
from jidoka.core.history import history_of, moved_history
from jidoka.core.ports import Entry
from jidoka.core.session import fold
from jidoka.core.session_row import SessionRow
from jidoka.sandbox.leftovers import erase_files
from jidoka.session_manager.create import Creator, Past
from jidoka.session_manager.fork_files import ForkFiles
from jidoka.session_manager.ports import Logs


class Forker:
    """Makes sessions from sessions, one at a time: a log is held in memory."""

    def __init__(self, creator: Creator, log: Logs, blobs: NatsBlobs, home: Path) -> None:
        self._creator = creator
        self._home = home
        self._log = log
        self._blobs = blobs
        self._one = asyncio.Lock()

    async def fork(self, source: SessionRow, command: ForkSession, asked: Envelope) -> SessionRow:
        """Return the new session; the first one is only read.

        Raises:
            InvalidMessage: `at` is beyond the end. LogDamaged: a part of the log is missing,
                before `at`.
            SnapshotMissing: the files of then are not kept.
            What creating a session raises. In each case nothing of it is left.
        """
        session_id = session_id_of(asked.source, asked.id)
        async with self._one:
            whole = await self._entries(source.session_id, command.at)
            entries = whole[: command.at]
            history = history_of(entries)
            moved = await asyncio.to_thread(moved_history, history, source.session_id, session_id)

            def birth(created: SessionCreated) -> SessionForked:
                return SessionForked(
                    **dict(created),
                    history=moved.history,
                    forked_from=source.session_id,
                    at=entries[-1].sequence,
                    source_hash=entries[-1].head.digest,
                )

            try:
                for sha256 in moved.blobs:
                    await self._copy(sha256, source.session_id, session_id)
                wanted = _wanted(source, command, entries)
                past = Past(session_id, birth)
                if command.files == "then":
                    ref = files_at(whole, entries[-1].sequence)
                    files = ForkFiles(self._home, source, ref, session_id)
                    past = Past(session_id, birth, files.fill)
                return await self._creator.create(wanted, asked, past)
            except Refused:
                await self._blobs.delete_session(session_id)
                await asyncio.to_thread(erase_files, self._home, session_id)
                raise

    async def _entries(self, session_id: str, at: int | None) -> list[Entry]:
        entries: list[Entry] = []
        try:
            async with aclosing(self._log.read(session_id)) as log:
                async for entry in log:
                    entries.append(entry)  # noqa: PERF401 - what was read before a damage is kept
        except LogDamaged:
            if at is None or not entries or entries[-1].sequence < at:
                raise
        last = entries[-1].sequence if entries else 0
        if at is not None and at > last:
            raise InvalidMessage.of("data.at", f"{at} is beyond the last event, {last}")
        return entries

    async def _copy(self, sha256: str, old_id: str, new_id: str) -> None:
        value = await self._blobs.find(ref_of(old_id, sha256))
        if value is not None:  # else words in a message that look like a reference
            await self._blobs.put(new_id, value)


def _wanted(source: SessionRow, command: ForkSession, entries: list[Entry]) -> CreateSession:
    """Return the command that would make the session without a past, with the settings of then."""
    state, own = fold(entries), command.project_path
    return CreateSession(
        name=command.session_name or state.name,
        project_path=own or source.worktree_of or source.project_path,
        sharing=Sharing.EXCLUSIVE if own else Sharing.WORKTREE,
        llm=state.llm,
        permission_mode=state.permission_mode,
        limits=state.limits,
        sandbox=state.sandbox,
        system_prompt=state.system_prompt,
        tools=state.tools,
        permissions=state.permissions,
        network=state.network,
        owner=state.owner,
        metadata=dict(state.metadata),
    )
