"""What the leader answers: the commands that need a place, a folder or the registry."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Final, cast

from jidoka.contract.commands import (
    CreateSession,
    DeleteSession,
    ForkSession,
    GetSession,
    ImportSession,
    ListSessions,
    ResumeSession,
    open_command,
)
from jidoka.contract.content import Status
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import (
    InvalidMessage,
    LogDamaged,
    UnknownCommand,
)
from jidoka.contract.ids import is_session_id
from jidoka.contract.replies import CommandAccepted, Reply, SessionInfo
from jidoka.core.naming import named
from jidoka.core.registry import Registry, SessionQuery, newest
from jidoka.core.session_row import SessionRow
from jidoka.session_manager.admission import Admission
from jidoka.session_manager.create import Creator
from jidoka.session_manager.damage import Damage, abandoned
from jidoka.session_manager.delete import Deleter
from jidoka.session_manager.forking import Forker
from jidoka.session_manager.importing import Importer
from jidoka.session_manager.ports import Logs
from jidoka.session_manager.projection import Projection
from jidoka.session_manager.resuming import Resumer
from jidoka.session_manager.sessions import Sessions
from jidoka.session_manager.workers import Workers

REGISTRY_PATIENCE_S: Final = 2.0
"""How long a list waits for the registry to have what is recorded; then it shows what is there."""
SETTLE_MARGIN_S: Final = 5.0
_SEQUENCE_DIGITS: Final = 19


class Service:
    """Answers commands from rows and registry, and records what they make true."""

    def __init__(
        self,
        *,
        sessions: Sessions,
        workers: Workers,
        registry: Registry,
        projection: Projection,
        creator: Creator,
        admission: Admission,
        log: Logs,
        damage: Damage,
        deleter: Deleter,
        importer: Importer,
        forker: Forker,
        home: Path,
        grace_s: float,
    ) -> None:
        self._sessions = sessions
        self._workers = workers
        self._registry = registry
        self._projection = projection
        self._creator = creator
        self._log = log
        self._damage = damage
        self._deleter = deleter
        self._importer = importer
        self._forker = forker
        self._grace_s = grace_s
        self._resumer = Resumer(sessions, admission, log, home, self.settle)

    async def answer(self, asked: Envelope) -> Reply:
        """Return what a command is accepted with.

        Raises:
            JidokaError: it is refused, or could not be done now.
        """
        asked = await self._with_id(asked)
        command = open_command(asked.name, asked.version, asked.data, asked.subject)
        match command:
            case ImportSession():
                return _created(await self._row(await self._importer.bring_in(command, asked)))
            case CreateSession():
                return _created(await self._creator.create(command, asked))
            case GetSession(session_id=session_id):
                return self._info(await self._row(session_id))
            case ListSessions():
                return await self._list(command)
            case ResumeSession(session_id=session_id):
                return await self._resume(session_id, asked.id)
            case ForkSession(session_id=session_id, at=at):
                self._damage.check_up_to(session_id, at)
                return _created(
                    await self._forker.fork(await self._row(session_id), command, asked)
                )
            case DeleteSession():
                return await self._delete(command, asked)
            case _:
                raise UnknownCommand(name=command.name)

    async def settle(self, session_id: str) -> bool:
        """Return when a close or termination that is recorded is carried out; False: none is.

        Raises:
            TimedOut: not within the grace and a margin; it goes on.
        """
        await self._catch_up(session_id)
        row = self._sessions.rows.get(session_id)
        if row is not None and not _is_settled(row) and not _is_settling(row):
            return False
        await self._sessions.until(session_id, _is_settled, self._grace_s + SETTLE_MARGIN_S)
        return True

    async def check(self, session_id: str) -> None:
        """Return if something may be added to the log of a session; raises what `Damage` does."""
        await self._damage.check(session_id)

    async def abandon(self, session_id: str) -> SessionRow:
        """Record that a session with a damaged log is to end, which its own log cannot decide.

        Raises:
            SessionNotFound: there is none, or nothing of it: it can be deleted.
        """
        return await self._sessions.record(session_id, abandoned)

    async def rebuild(self) -> int:
        """Make the registry anew from the log; return the position reached."""
        rows = self._sessions.rows.values()
        return await self._projection.rebuild([row for row in rows if not row.sequence])

    # --- questions ---

    async def _with_id(self, asked: Envelope) -> Envelope:
        """Return the command with a session's id where it has its name."""
        data = cast("dict[str, Any]", asked.data) if isinstance(asked.data, dict) else {}
        target = data.get("session_id")
        if not isinstance(target, str) or target in self._sessions.rows:
            return asked
        if asked.name == DeleteSession.name and await self._was_deleted(target):
            return asked  # asked twice, it answers the same
        row = await self._ended(target) or named(target, self._sessions.rows.values())
        update = {"subject": row.session_id, "data": data | {"session_id": row.session_id}}
        return asked.model_copy(update=update)

    async def _row(self, session_id: str) -> SessionRow:
        row = self._sessions.rows.get(session_id) or await self._ended(session_id)
        return row or self._sessions.row(session_id)

    async def _ended(self, session_id: str) -> SessionRow | None:
        """Return a session that has ended: the registry alone remembers it."""
        await self._projection.reach(self._sessions.cursor, REGISTRY_PATIENCE_S)
        return await self._registry.get(session_id)

    async def _was_deleted(self, target: str) -> bool:
        return is_session_id(target) and await self._deleter.tombstone(target) is not None

    async def _list(self, command: ListSessions) -> Reply:
        """Return the JSON of a `SessionList`: 1,000 models would take 10 ms, and say the same."""
        project = command.project
        query = SessionQuery(
            statuses=tuple(status.value for status in command.status) if command.status else None,
            project=await asyncio.to_thread(os.path.realpath, project) if project else None,
            text=command.text,
            limit=command.limit + 1,
            before=_cursor_of(command.after),
        )
        rows = await self._found(query)
        page = rows[: command.limit]
        more = str(page[-1].first_cursor) if len(rows) > command.limit else None
        return Reply.model_validate({"sessions": [self._shown(row) for row in page], "next": more})

    async def _found(self, query: SessionQuery) -> tuple[SessionRow, ...]:
        """Return the sessions of a query: from the fold, or what it does not hold from the file."""
        rows, ended = self._sessions.rows, Status.TERMINATED.value
        if query.text is None and ended not in (query.statuses or ()):
            return newest(rows.values(), query)
        await self._projection.reach(self._sessions.cursor, REGISTRY_PATIENCE_S)
        found = await self._registry.find(query)
        return tuple(rows.get(row.session_id, row) for row in found)

    def _info(self, row: SessionRow) -> SessionInfo:
        return SessionInfo.model_validate(self._shown(row))

    def _shown(self, row: SessionRow) -> dict[str, Any]:
        """Return the JSON of a `SessionInfo`."""
        has_worker, damage = row.is_assigned, self._damage.of(row.session_id)
        problem = damage or self._workers.placeless.get(row.session_id)
        return {
            "session_id": row.session_id,
            "name": row.name,
            "project_path": row.project_path,
            "status": row.status,
            "title": row.title,
            "phase": row.phase,
            "model": row.model,
            "fallbacks": row.fallbacks,
            "limits": row.limits,
            "permission_mode": row.permission_mode,
            "network": row.network,
            "usage": row.tokens,
            "cost_usd": row.cost_usd,
            "messages": row.messages,
            "turns": row.turns,
            "waiting": row.waiting,
            "worker_pid": self._workers.pid_of(row.session_id) if has_worker else None,
            "host": row.host if has_worker else None,
            "epoch": row.epoch,
            "sequence": row.sequence,
            "owner": row.owner,
            "error": problem.as_dict() if problem else row.error,
            "degraded": isinstance(damage, LogDamaged),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "metadata": row.metadata,
        }

    # --- changes ---

    async def _resume(self, session_id: str, command_id: str) -> SessionInfo:
        row = await self._row(session_id)
        await self._damage.check(session_id)
        return self._info(await self._resumer.resume(row, command_id))

    async def _delete(self, command: DeleteSession, asked: Envelope) -> CommandAccepted:
        session_id = command.session_id
        left = await self._deleter.tombstone(session_id)
        if left is None:
            row, by = await self._row(session_id), command.author or asked.source
            left = await self._deleter.delete(
                row, by=by, origin=asked.source, causation_id=asked.id
            )
        else:
            await self._deleter.finish(session_id, left)
        cursor = left.head.cursor
        await self._projection.reach(cursor, REGISTRY_PATIENCE_S)
        return CommandAccepted(session_id=session_id, sequence=left.sequence, cursor=cursor)

    async def _catch_up(self, session_id: str) -> None:
        """Fold what the log has of a session as of now."""
        last = await self._log.last(session_id)
        if last is not None:
            cursor = last.head.cursor
            await self._sessions.until(
                session_id, lambda row: row.cursor >= cursor, SETTLE_MARGIN_S
            )


def _created(row: SessionRow) -> CommandAccepted:
    about = {"name": row.name, "project_path": row.project_path, "status": row.status}
    return CommandAccepted(session_id=row.session_id, sequence=1, cursor=row.first_cursor, **about)


def _is_settled(row: SessionRow) -> bool:
    return not row.asked and (row.status == Status.CLOSED or row.ended)


def _is_settling(row: SessionRow) -> bool:
    return bool(row.asked) or row.status in (Status.TERMINATING, Status.TERMINATED)


def _cursor_of(after: str | None) -> int | None:
    if after is None:
        return None
    if not after.isdecimal() or len(after) > _SEQUENCE_DIGITS:
        raise InvalidMessage.of("data.after", "is not the `next` of a page")
    return int(after)
