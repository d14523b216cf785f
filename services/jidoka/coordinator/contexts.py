"""What the machine with the session's folder knows: what the model is sent, files, its rules."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from jidoka.bus.buckets import HostDirectory
from jidoka.bus.connection import Bus
from jidoka.bus.requests import ask
from jidoka.contract.context_commands import GetContext
from jidoka.contract.errors import NoHost, TimedOut, Unavailable
from jidoka.contract.internal import ContextAsked, FileAsked, HostReply, RulesAnswer, RulesAsked
from jidoka.contract.replies import ContextReport, RuleInfo
from jidoka.contract.subjects import host_request
from jidoka.core.state import SessionState

ANSWER_S: Final = 20.0
"""A long log is folded for it."""
LOOK_S: Final = 2.0


class HostContexts:
    """Asks the agent host that had the session's last worker, else one that is there."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def of(self, state: SessionState, command: GetContext) -> ContextReport:
        """Return what the model of a session would be sent now.

        Raises:
            NoHost: none is there. Unavailable, TimedOut: the host does not answer.
            ContextOverflow: not even what has to be there fits. TooLarge: ask for sizes alone.
        """
        host = await self._host(state)
        question = ContextAsked(session_id=state.session_id, include=command.include)
        subject = host_request(host, "context.get")
        return await ask(self._bus, subject, question, ContextReport, ANSWER_S)

    async def look_at(self, state: SessionState, path: str) -> None:
        """Return where there is such a file, or nobody can look now: then the model is told.

        Raises:
            PathNotFound, PathOutsideProject, ToolFailed: there is none that could be read.
        """
        question = FileAsked(project_path=state.project_path, path=path)
        with suppress(NoHost, Unavailable, TimedOut):
            subject = host_request(await self._host(state), "file.look")
            await ask(self._bus, subject, question, HostReply, LOOK_S)

    async def rules_outside(self, state: SessionState) -> tuple[RuleInfo, ...]:
        """Return the permission rules of the session's machine and project.

        Raises:
            NoHost: none is there. Unavailable, TimedOut: the host does not answer.
        """
        subject = host_request(await self._host(state), "rules.list")
        question = RulesAsked(project_path=state.project_path)
        return (await ask(self._bus, subject, question, RulesAnswer, LOOK_S)).rules

    async def _host(self, state: SessionState) -> str:
        alive = await HostDirectory(self._bus).alive()
        host = state.host if state.host in alive else next(iter(sorted(alive)), None)
        if host is None:
            raise NoHost(hosts=0, wanted=state.host)
        return host
