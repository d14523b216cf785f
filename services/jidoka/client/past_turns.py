"""The client's way to turns that are over: undo them, bring them back, answer them anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from jidoka.bus.connection import Bus
from jidoka.client.asking import Asker, valid
from jidoka.client.ending import END_S, E, end_of
from jidoka.client.following import Wanted, follow
from jidoka.client.quarantine import QuarantineAccess
from jidoka.client.seeking import NOWHERE, Start
from jidoka.contract import events as e
from jidoka.contract.command_data import CommandData
from jidoka.contract.commands import EditMessage, WithdrawMessage
from jidoka.contract.content import Content
from jidoka.contract.event_groups import UndoEnd
from jidoka.contract.replies import TurnDiff
from jidoka.contract.undo_commands import DiffTurn, FilesWish, RedoTurn, RetryTurn, UndoTurn

C = TypeVar("C", bound=CommandData)
UNDO_ENDS: Final = (e.TurnUndone, e.TurnRedone, e.TurnUndoRefused)


class PastTurns(QuarantineAccess):
    """The part of the client that looks after turns that are over, and how it asks."""

    def __init__(self, bus: Bus, source: str, timeout_s: float) -> None:
        super().__init__(bus)
        self._asker = Asker(bus, source, timeout_s)
        self._places: dict[str, Start] = {}

    async def undo(
        self,
        session_id: str,
        turns: int = 1,
        files: FilesWish = "restore",
        *,
        timeout_s: float = END_S,
    ) -> UndoEnd:
        """Undo the last turns, files and conversation together; return how it ended.

        `files` says what becomes of files that a person changed since: `restore` refuses,
        `force` overwrites them, `keep_mine` leaves them, `leave` touches no file at all.

        Raises:
            SessionBusy: a turn runs. NothingToUndo: there are not so many turns.
            SessionTerminated: the session ended meanwhile. Unavailable: nobody put files back
            for `timeout_s` seconds; it is recorded, and done when a worker can.
        """
        fields = {"turns": turns, "files": files}
        number = await self._record(UndoTurn, fields, session_id)
        return await self._end(session_id, number, UNDO_ENDS, timeout_s)

    async def redo(
        self, session_id: str, files: FilesWish = "restore", *, timeout_s: float = END_S
    ) -> UndoEnd:
        """Bring back what was undone last; return how it ended. Raises what `undo` raises."""
        number = await self._record(RedoTurn, {"files": files}, session_id)
        return await self._end(session_id, number, UNDO_ENDS, timeout_s)

    async def retry(
        self, session_id: str, *, regenerate: bool = False, files: FilesWish = "restore"
    ) -> int:
        """Answer the messages of the last turn once more; return the number of the request.

        A turn that failed or was stopped is gone on with; `regenerate` undoes the turn first.

        Raises:
            SessionBusy: a turn runs. NothingToUndo: there is no turn for it.
        """
        fields = {"regenerate": regenerate, "files": files}
        return await self._record(RetryTurn, fields, session_id)

    async def turn_diff(self, session_id: str, turn: str | None = None) -> TurnDiff:
        """Return what a turn changed; `turn` is its id or its number, None for the last one.

        Raises:
            TurnNotFound: there is none. SnapshotMissing: its files are not kept.
            Unavailable, TimedOut: its machine does not answer.
        """
        return TurnDiff.model_validate(await self._ask(DiffTurn, {"turn": turn}, session_id))

    # --- messages that wait ---

    async def edit_message(self, session_id: str, message_id: str, content: Content) -> int:
        """Change a message that no turn has taken up; raises `CallNotFound` where one has."""
        fields = {"message_id": message_id, "content": content}
        return await self._record(EditMessage, fields, session_id)

    async def withdraw_message(self, session_id: str, message_id: str) -> int:
        """Take back a message that no turn has taken up; raises `CallNotFound` where one has."""
        return await self._record(WithdrawMessage, {"message_id": message_id}, session_id)

    # --- commands ---

    async def _ask(
        self, kind: type[C], fields: Mapping[str, Any], session_id: str | None = None
    ) -> dict[str, Any]:
        whole = dict(fields) if session_id is None else {"session_id": session_id, **fields}
        return await self._asker.ask(valid(kind, whole), session_id)

    async def _record(self, kind: type[C], fields: Mapping[str, Any], session_id: str) -> int:
        answer = await self._ask(kind, fields, session_id)
        sequence, cursor = int(answer.get("sequence") or 0), int(answer.get("cursor") or 0)
        if sequence and cursor:
            self._places[session_id] = Start(sequence - 1, cursor - 1)
        return sequence

    async def _end(
        self, session_id: str, number: int, ends: tuple[type[E], ...], timeout_s: float
    ) -> E:
        """Return what became of request `number`; raises what `end_of` raises."""
        wanted = Wanted(number, known=self._places.get(session_id, NOWHERE), live=False)
        return await end_of(follow(self.bus, session_id, wanted), number, ends, timeout_s)
