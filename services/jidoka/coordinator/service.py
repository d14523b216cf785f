"""A command becomes what is recorded: open, decide, append, answer "recorded as #n".

    what the log of one session decides    decide on the fold, append at the head that it knows;
                                           somebody was first: fold what is new, decide again
    what needs a place, a folder, a list   the leading session-manager decides and answers
    close, terminate                       recorded here, carried out by the session-manager

Nothing is kept but folds of the log, so any replica answers any command, and a command that
comes twice finds its own event in the fold of the second one: it is recorded once, for the life
of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from jidoka.bus.requests import reply_to
from jidoka.contract.commands import CloseSession, ConfigureSession, TerminateSession
from jidoka.contract.content import LlmConfig
from jidoka.contract.context_commands import AddFile, GetContext
from jidoka.contract.envelope import Envelope, open_reply
from jidoka.contract.errors import (
    JidokaError,
    LogDamaged,
    Refused,
    SessionNotFound,
    StaleSequence,
    TimedOut,
    Unavailable,
)
from jidoka.contract.events import Event
from jidoka.contract.ids import command_key
from jidoka.contract.permission_commands import ListPermissions
from jidoka.contract.replies import ACCEPTED, REFUSED, CommandAccepted
from jidoka.contract.undo_commands import DiffTurn
from jidoka.coordinator.asking import Asking
from jidoka.coordinator.folds import Fold, Folds
from jidoka.coordinator.manager import Manager
from jidoka.coordinator.permissions import permissions_of
from jidoka.coordinator.request import Request
from jidoka.coordinator.storage import Storage
from jidoka.core.attending import place_in
from jidoka.core.decide import SessionDecision, decide
from jidoka.core.ports import Draft, EventLog
from jidoka.core.state import SessionState

WITHIN_S: Final = 4.5
"""Nobody waits longer for a command to be recorded; the same command may be sent again."""
MOST_TRIES: Final = 32
"""Each lost race means that somebody else's event was stored, so this many in a row is rare."""


class Coordinator:
    """Decides commands and records what they make true."""

    def __init__(
        self,
        log: EventLog,
        folds: Folds,
        manager: Manager,
        asking: Asking,
        *,
        source: str,
        new_id: Callable[[], str],
        inbox_limit: int,
        storage: Storage = Storage(None),  # noqa: B008 - frozen
    ) -> None:
        self._log = log
        self._folds = folds
        self._manager = manager
        self._asking = asking
        self._source = source
        self._new_id = new_id
        self._inbox_limit = inbox_limit
        self._storage = storage

    async def body(self, request: Request) -> bytes:
        """Return the bytes of the answer; what the session-manager says is passed on as it came.

        Raises:
            JidokaError: as `answer` does.
        """
        self._storage.check(request.command)
        if isinstance(request.command, SessionDecision | DiffTurn | ListPermissions | GetContext):
            return (await self.answer(request)).to_json()
        return await self._manager.ask(request.command.name, request.envelope)

    async def answer(self, request: Request) -> Envelope:
        """Return what the command is answered with.

        Raises:
            JidokaError: it is refused, or could not be done now.
        """
        command = request.command
        self._storage.check(command)
        if isinstance(command, DiffTurn):
            found = await self._asking.diffs.of(await self._state(command.session_id), command.turn)
            return reply_to(request.envelope, ACCEPTED, found, self._source)
        if isinstance(command, GetContext):
            state = await self._state(command.session_id)
            report = await self._asking.contexts.of(state, command)
            return reply_to(request.envelope, ACCEPTED, report, self._source)
        if isinstance(command, ListPermissions):
            state = await self._state(command.session_id)
            listed = await permissions_of(state, self._asking.contexts)
            return reply_to(request.envelope, ACCEPTED, listed, self._source)
        if not isinstance(command, SessionDecision):
            return open_reply(await self._manager.ask(command.name, request.envelope))
        if isinstance(command, ConfigureSession) and command.llm is not None:
            command = await self._with_model(command, command.llm)
        if isinstance(command, AddFile):
            await self._must_be_there(request, command)
        try:
            sequence, cursor = await self._recorded(request, command)
        except LogDamaged:
            if not isinstance(command, TerminateSession):
                raise
            sequence, cursor = await self._manager.abandon(command.session_id)
        reply = CommandAccepted(session_id=command.session_id, sequence=sequence, cursor=cursor)
        if isinstance(command, CloseSession | TerminateSession):
            settled = await self._manager.settle(command.session_id)
            reply = reply.model_copy(update={"settled": settled})
        about = request.envelope.model_copy(update={"subject": command.session_id})
        return reply_to(about, ACCEPTED, reply, self._source)

    def refusal(self, asked: Envelope | None, error: JidokaError) -> Envelope:
        """Return the answer that says why not; `asked` is None where nothing could be read."""
        return reply_to(asked, REFUSED, error, self._source)

    async def _must_be_there(self, request: Request, command: AddFile) -> None:
        state = await self._state(command.session_id)
        if state.recorded.get(command_key(request.origin, request.command_id)) is None:
            path = place_in(state.project_path, command.path)
            await self._asking.contexts.look_at(state, path)

    async def _state(self, session_id: str) -> SessionState:
        """Return a session as it is now.

        Raises:
            SessionNotFound: there is none.
        """
        fold = self._folds.of(session_id)
        async with fold.lock:
            await fold.refresh(to_look=True)
        if fold.state.status is None:
            self._folds.forget(session_id)
            raise SessionNotFound(asked=session_id)
        return fold.state

    async def _with_model(self, command: ConfigureSession, llm: LlmConfig) -> ConfigureSession:
        """Return the command with the model that would speak; one that nobody has is refused."""
        state = await self._state(command.session_id)
        found = await self._asking.models.resolved(llm, state.project_path, state.owner)
        return command.model_copy(update={"llm": found})

    async def _recorded(self, request: Request, command: SessionDecision) -> tuple[int, int]:
        """Return the number under which the command is recorded, and its stream sequence."""
        fold = self._folds.of(command.session_id)
        try:
            async with asyncio.timeout(WITHIN_S), fold.lock:
                if not fold.is_fresh:
                    await fold.refresh()
                return await self._raced(fold, request, command)
        except TimeoutError:
            raise TimedOut(after_s=WITHIN_S) from None  # it may have been stored

    async def _raced(
        self, fold: Fold, request: Request, command: SessionDecision
    ) -> tuple[int, int]:
        """Decide on the newest state until the decision is stored or refused."""
        for _ in range(MOST_TRIES):
            try:
                event = self._decided(fold, request, command)
            except Refused as refused:
                if await fold.refresh():
                    continue  # it was said of a state that is over
                if isinstance(refused, SessionNotFound):
                    self._folds.forget(command.session_id)
                raise
            number = fold.state.recorded.get(command_key(request.origin, request.command_id))
            if event is None and number is None and await fold.refresh():
                continue
            if event is None:  # recorded before, or true already as of the head
                number = number or fold.state.head.sequence
                return number, await fold.cursor_of(number)
            try:
                return await self._appended(fold, request, event)
            except StaleSequence as lost:
                await _caught_up(fold, lost)
        raise Unavailable(part=f"session {command.session_id}", why="too many write at once")

    def _decided(self, fold: Fold, request: Request, command: SessionDecision) -> Event | None:
        return decide(
            fold.state,
            command,
            origin=request.origin,
            command_id=request.command_id,
            inbox_limit=self._inbox_limit,
        )

    async def _appended(self, fold: Fold, request: Request, event: Event) -> tuple[int, int]:
        draft = Draft(
            event,
            event_id=self._new_id(),
            source=self._source,
            correlation_id=request.envelope.correlationid,
            causation_id=request.command_id,
            traceparent=request.envelope.traceparent,
        )
        entries = await self._log.append(fold.session_id, draft, fold.state.head)
        fold.take(entries)
        own = next(entry for entry in entries if entry.envelope.id == draft.event_id)
        return own.sequence, own.head.cursor


async def _caught_up(fold: Fold, lost: StaleSequence) -> None:
    """Fold what somebody else recorded first."""
    if lost.tail:
        fold.take(lost.tail)
    else:
        await fold.begin_again()
