"""Performing an effect: I/O, and then the event that tells of it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from jidoka.agent.model_calls import ModelCalls
from jidoka.agent.questions import Questions
from jidoka.agent.recorder import Recorder, Unwanted
from jidoka.agent.servers import Servers
from jidoka.agent.tool_calls import ToolCalls
from jidoka.agent.undoing import Undoer
from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo
from jidoka.core import effects as fx
from jidoka.core.budget import error_info, exceeded
from jidoka.core.state import SessionState, Turn
from jidoka.core.turn import outcome_of
from jidoka.core.working_time import worked_s

log = logging.getLogger(__name__)

MOST_PAUSE_S = 3_600.0
"""Between two attempts at a model call, be the wall clock what it may."""


@dataclass(slots=True)
class Performer:
    """Performs the effects of one worker."""

    recorder: Recorder
    models: ModelCalls
    tools: ToolCalls
    questions: Questions
    undoer: Undoer
    servers: Servers
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @property
    def state(self) -> SessionState:
        """The newest state."""
        return self.recorder.session.state

    async def __call__(self, effect: fx.Effect) -> None:
        """Perform `effect`; what goes wrong becomes an event, or is not wanted any more."""
        try:
            await self._perform(effect)
        except Unwanted:
            log.debug("no longer wanted: %r", effect)

    async def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.StartTurn():
                await self._start_turn(effect)
            case fx.CallModel():
                await self._until(effect.not_before, MOST_PAUSE_S)
                await self.models.call(effect)
            case fx.AwaitAnswer(deadline=deadline):
                await self._until(deadline)
                await self.questions.expire(effect)
            case fx.DenyTool() | fx.RefuseRepeat():
                await self.questions.refuse(effect)
            case fx.AskPermission(rule=rule):
                await self.questions.ask(effect, rule)
            case fx.AskBudget():
                await self.questions.ask_budget(effect)
            case fx.AskPerson():
                await self.questions.ask_person(effect)
            case fx.RunTool():
                await self.tools.run(effect)
            case fx.RecoverTool():
                await self.tools.recover(effect)
            case fx.ReportInterrupted():
                await self.tools.interrupted(effect)
            case fx.WatchWall():
                await self._watch_wall(effect)
            case fx.EndTurn():
                await self._end_turn(effect)
            case fx.Compact():
                await self.models.compacting.asked(effect)
            case fx.TitleSession(title=title):
                await self.recorder.record(effect, lambda _state: e.SessionTitled(title=title))
            case fx.KeepServer():
                await self.servers.keep(effect)
            case fx.CheckUndo():
                await self.undoer.check(effect)
            case fx.PutFilesBack():
                await self.undoer.put_back(effect)
            case _:
                assert_never(effect)

    async def _start_turn(self, effect: fx.StartTurn) -> None:
        turn_id = self.new_id()
        await self.recorder.record(
            effect,
            lambda state: _turn_started(state, turn_id),
        )

    # --- the end of a turn ---

    async def _watch_wall(self, effect: fx.WatchWall) -> None:
        await asyncio.sleep(max(0.0, effect.limit_s - worked_s(self._turn(), self.now())))
        await self.recorder.record(
            effect,
            lambda _state: e.TurnLimitReached(
                turn_id=effect.turn_id, kind="wall_s", used=effect.limit_s, limit=effect.limit_s
            ),
        )

    async def _end_turn(self, effect: fx.EndTurn) -> None:
        now = self.now()
        kept = await self.tools.files.after(self.state)
        await self.recorder.record(
            effect, lambda state: _ended(state, effect, now).model_copy(update={"snapshot": kept})
        )

    # --- small helps ---

    def _turn(self) -> Turn:
        turn = self.state.turn
        if turn is None:
            raise Unwanted
        return turn

    async def _until(self, moment: datetime | None, most_s: float = math.inf) -> None:
        """Wait for a moment, but no longer than `most_s`: the clock may have been set back."""
        if moment is not None:
            await asyncio.sleep(min(most_s, max(0.0, (moment - self.now()).total_seconds())))


def _turn_started(state: SessionState, turn_id: str) -> e.TurnStarted:
    """Return the beginning of a turn: on what waits, and on what is to be answered once more."""
    waiting = tuple(m.message_id for m in state.inbox)
    if state.retry is None:
        return e.TurnStarted(turn_id=turn_id, message_ids=waiting)
    ids = (*state.retry.message_ids, *waiting)
    return e.TurnStarted(turn_id=turn_id, message_ids=ids, retry_of=state.retry.turn_id)


def _ended(state: SessionState, effect: fx.EndTurn, now: datetime) -> e.TurnEnded:
    turn = state.turn
    if turn is None:
        raise Unwanted
    used_s = 0.0 if turn.started_at is None else (now - turn.started_at).total_seconds()
    return e.TurnEnded(
        turn_id=effect.turn_id,
        outcome=outcome_of(state, turn),
        answer=turn.answer,
        usage=turn.usage,
        cost_usd=turn.cost_usd,
        duration_s=round(max(0.0, used_s), 4),
        steps=turn.step,
        error=_error_of(state, turn),
    )


def _error_of(state: SessionState, turn: Turn) -> ErrorInfo | None:
    if turn.answered and turn.stopping is None:
        return None  # earlier tries that failed are not the turn's error
    over = exceeded(state)
    return error_info(over.error()) if over and not turn.stopping else turn.error
