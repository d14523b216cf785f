"""Makes sessions: everything is checked first, then one event makes it true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from jidoka.contract.commands import CreateSession
from jidoka.contract.content import LlmConfig, Sharing
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import ProjectForbidden, Refused
from jidoka.contract.events import SessionContinued, SessionCreated
from jidoka.contract.ids import session_id_of
from jidoka.core.answers import checked_rules
from jidoka.core.registry import Registry
from jidoka.core.session_row import SessionRow
from jidoka.session_manager import projects
from jidoka.session_manager.admission import Admission
from jidoka.session_manager.ports import Models
from jidoka.session_manager.sessions import Sessions

Result = TypeVar("Result")
MOST_NAME = 50


@dataclass(frozen=True, slots=True)
class Past:
    """What a session goes on from that is not born with an empty conversation."""

    session_id: str
    birth: Callable[[SessionCreated], SessionContinued]
    """Returns the first event, given what it would be without a past."""
    fill: Callable[[str], Awaitable[None]] | None = None
    """Puts files into its folder before it begins."""


class Creator:
    """Makes each session once, however often and by however many it is asked for."""

    def __init__(
        self,
        sessions: Sessions,
        admission: Admission,
        registry: Registry,
        models: Models,
        home: Path,
    ) -> None:
        self._sessions = sessions
        self._admission = admission
        self._registry = registry
        self._models = models
        self._home = home
        self._in_making: dict[str, asyncio.Task[SessionRow]] = {}

    async def __aenter__(self) -> Creator:
        """Make sessions while the context lasts."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what is in the making: who asked for it asks the next leader."""
        making = list(self._in_making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    async def create(
        self, command: CreateSession, asked: Envelope, past: Past | None = None
    ) -> SessionRow:
        """Return the session of a create command: a new one, or the one it made before.

        Raises:
            Refused: a path, a model, the limit or another session is in the way.
            Unavailable, TimedOut, StorageFull: it is not known to be recorded.
        """
        session_id = past.session_id if past else session_id_of(asked.source, asked.id)
        if (row := self._sessions.rows.get(session_id)) is not None:
            return row
        making = self._in_making.get(session_id)
        if making is None:
            work = self._once(session_id, command, asked, past)
            making = asyncio.create_task(work, name=f"create {session_id}")
            self._in_making[session_id] = making
            making.add_done_callback(lambda _: self._in_making.pop(session_id, None))
        return await asyncio.shield(making)

    async def _once(
        self, session_id: str, command: CreateSession, asked: Envelope, past: Past | None
    ) -> SessionRow:
        try:
            return await self._made(session_id, command, asked, past)
        except Refused:
            if (row := await self._registry.get(session_id)) is not None:
                return row  # made by this command, and ended since
            raise

    async def _made(
        self, session_id: str, command: CreateSession, asked: Envelope, past: Past | None
    ) -> SessionRow:
        checked_rules(command.permissions, "data.permissions")
        real, llm = await _both(
            projects.checked(command.project_path, self._home),
            self._models.resolved(command.llm, command.project_path, command.owner),
        )
        with self._admission.admitted(session_id, real, command.sharing):
            if command.sharing is not Sharing.WORKTREE:
                folder = real
                event = _created(command, asked.source, real, llm)
            else:
                folder = await self._own_folder(real, session_id, past)
                event = _created(command, asked.source, folder, llm, worktree_of=real)
            if past is not None and past.fill is not None:
                await past.fill(folder)
            birth = past.birth(event) if past else event
            return await self._sessions.create(session_id, birth, asked.id)

    async def _own_folder(self, real: str, session_id: str, past: Past | None) -> str:
        """Return a new worktree; where there is no repository, a folder that is going to be filled.

        Raises:
            ProjectForbidden: git makes no worktree, and nothing fills the folder.
        """
        try:
            return await projects.make_worktree(real, session_id, self._home)
        except ProjectForbidden:
            if past is None or past.fill is None or await projects.is_repository(real):
                raise
            return await projects.make_folder(session_id, self._home)


async def _both(folder: Awaitable[str], model: Awaitable[LlmConfig]) -> tuple[str, LlmConfig]:
    """Wait for both at once; of two refusals the folder's is told."""
    found = await asyncio.gather(folder, model, return_exceptions=True)
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found  # pyright: ignore[reportReturnType] - no exception is left in it


def _created(
    command: CreateSession, origin: str, path: str, llm: LlmConfig, worktree_of: str | None = None
) -> SessionCreated:
    name = command.session_name or Path(worktree_of or path).name[:MOST_NAME] or "project"
    return SessionCreated(
        origin=origin,
        session_name=name,
        project_path=path,
        requested_path=command.project_path,
        sharing=command.sharing,
        worktree_of=worktree_of,
        llm=llm,
        permission_mode=command.permission_mode,
        limits=command.limits,
        sandbox=command.sandbox,
        system_prompt=command.system_prompt,
        tools=command.tools,
        permissions=command.permissions,
        network=command.network,
        owner=command.owner,
        metadata=command.metadata,
    )
