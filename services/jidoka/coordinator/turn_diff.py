"""What a turn changed: the log says between which snapshots, its machine what lies between."""

from __future__ import annotations

from typing import Final

from jidoka.bus.connection import Bus
from jidoka.bus.requests import ask
from jidoka.contract.errors import SnapshotMissing, TurnNotFound
from jidoka.contract.internal import DiffAnswer, DiffAsked
from jidoka.contract.replies import TurnDiff
from jidoka.contract.subjects import host_request
from jidoka.core.past_turns import PastTurn, Span
from jidoka.core.state import SessionState

ANSWER_S: Final = 30.0
"""A folder may hold a great many files."""


class HostDiffs:
    """Asks the agent host that had the session's last worker."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def of(self, state: SessionState, turn: str | None) -> TurnDiff:
        """Return what a turn changed; `turn` is its id or number, None for the last one.

        Raises:
            TurnNotFound: there is none. SnapshotMissing: its files are not kept.
            Unavailable, TimedOut: the host does not answer.
        """
        undone = [each for taken in state.undone for each in taken.turns]
        past = _found([*state.done, *undone], turn)
        answer = DiffAnswer()
        if past.spans:
            spans = tuple(_trees(past, span) for span in past.spans)
            question = DiffAsked(
                session_id=state.session_id, project_path=state.project_path, spans=spans
            )
            subject = host_request(state.host, "turn.diff")
            try:
                answer = await ask(self._bus, subject, question, DiffAnswer, ANSWER_S)
            except SnapshotMissing as missing:
                raise SnapshotMissing(turn_id=past.turn_id, why=missing.why) from None
        left_out = {path for span in past.spans for path in span.after.left_out}
        return TurnDiff(
            session_id=state.session_id,
            turn_id=past.turn_id,
            number=past.number,
            outcome=past.outcome,
            undone=past in undone,
            files=answer.files,
            files_total=answer.files_total,
            left_out=tuple(sorted(left_out)),
            diff=answer.diff,
        )


def _found(turns: list[PastTurn], turn: str | None) -> PastTurn:
    if turn is None and turns:
        return max(turns, key=lambda past: past.number)
    for past in turns:
        if turn in (past.turn_id, str(past.number)):
            return past
    raise TurnNotFound(turn=turn or "last")


def _trees(past: PastTurn, span: Span) -> tuple[str, str]:
    for ref in (span.before, span.after):
        if ref.tree is None:
            raise SnapshotMissing(turn_id=past.turn_id, why=ref.why)
    return span.before.tree or "", span.after.tree or ""
