"""Performing an effect: I/O, and then the event that tells of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, assert_never

from jidoka.agent.context import messages_for, offered
from jidoka.agent.questions import Questions
from jidoka.agent.recorder import Recorder, Unwanted
from jidoka.agent.tool_calls import ToolCalls
from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, Policy, ToolCall
from jidoka.contract.errors import Internal, JidokaError
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.core import effects as fx
from jidoka.core.budget import error_info, exceeded
from jidoka.core.retry import model_delay_s
from jidoka.core.state import SessionState, Turn
from jidoka.core.turn import outcome_of

log = logging.getLogger(__name__)


class Model(Protocol):
    """Where answers come from."""

    async def complete(self, call: LlmCall, *, attach: bool = False) -> LlmAnswer:
        """Return the whole answer; with `attach`, first look for the call in flight.

        Raises:
            JidokaError: the attempt failed; `retryable` says whether another may succeed.
        """
        ...


@dataclass(slots=True)
class Performer:
    """Performs the effects of one worker."""

    recorder: Recorder
    model: Model
    tools: ToolCalls
    questions: Questions
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
                await self._call_model(effect)
            case fx.AwaitAnswer(deadline=deadline):
                await self._until(deadline)
                await self.questions.deny(effect, "default", "nobody answered in time")
            case fx.DenyTool(by=by):
                await self.questions.deny(effect, by, "")
            case fx.AskPermission():
                await self.questions.ask(effect, self.now())
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
            case _:
                assert_never(effect)

    async def _start_turn(self, effect: fx.StartTurn) -> None:
        turn_id = self.new_id()
        await self.recorder.record(
            effect,
            lambda state: e.TurnStarted(
                turn_id=turn_id, message_ids=tuple(m.message_id for m in state.inbox)
            ),
        )

    # --- the model ---

    async def _call_model(self, effect: fx.CallModel) -> None:
        await self._until(effect.not_before)
        asked_before = self._turn().requested == (effect.step, effect.attempt)
        if not asked_before:
            await self.recorder.record(effect, lambda state: _requested(state, effect))
        began_s = asyncio.get_running_loop().time()
        try:
            answer = await self.model.complete(self._llm_call(effect), attach=asked_before)
        except JidokaError as problem:
            await self._llm_failed(effect, problem)
        except Exception:
            log.exception("asking the model failed in an unforeseen way")
            await self._llm_failed(effect, Internal(incident=effect.call_id))
        else:
            duration_s = asyncio.get_running_loop().time() - began_s
            await self.recorder.record(
                effect, lambda _state: _responded(effect, answer, duration_s)
            )

    def _llm_call(self, effect: fx.CallModel) -> LlmCall:
        state = self.state
        return LlmCall(
            call_id=effect.call_id,
            attempt=effect.attempt,
            session_id=state.session_id,
            turn_id=effect.turn_id,
            epoch=self.recorder.epoch,
            owner=state.owner,
            llm=state.llm,
            project_path=state.project_path,
            messages=messages_for(state, self.recorder.session.transcript),
            tools=tuple(offered(self.tools.specs(), state.tools)),
            step=effect.step,
        )

    async def _llm_failed(self, effect: fx.CallModel, problem: JidokaError) -> None:
        delay_s = model_delay_s(
            effect.attempt,
            retryable=problem.retryable,
            retry_after_s=getattr(problem, "retry_after_s", None),
            fraction=random.random(),  # noqa: S311 - jitter, no secret
        )
        retry_at = None if delay_s is None else self.now() + timedelta(seconds=delay_s)
        await self.recorder.record(
            effect,
            lambda _state: e.LlmFailed(
                turn_id=effect.turn_id,
                call_id=effect.call_id,
                step=effect.step,
                attempt=effect.attempt,
                error=error_info(problem),
                retry_at=retry_at,
            ),
        )

    # --- the end of a turn ---

    async def _watch_wall(self, effect: fx.WatchWall) -> None:
        turn = self._turn()
        used_s = 0.0 if turn.started_at is None else (self.now() - turn.started_at).total_seconds()
        await asyncio.sleep(max(0.0, effect.limit_s - used_s))
        await self.recorder.record(
            effect,
            lambda _state: e.TurnLimitReached(
                turn_id=effect.turn_id, kind="wall_s", used=effect.limit_s, limit=effect.limit_s
            ),
        )

    async def _end_turn(self, effect: fx.EndTurn) -> None:
        now = self.now()
        await self.recorder.record(effect, lambda state: _ended(state, effect, now))

    # --- small helps ---

    def _turn(self) -> Turn:
        turn = self.state.turn
        if turn is None:
            raise Unwanted
        return turn

    async def _until(self, moment: datetime | None) -> None:
        if moment is not None:
            await asyncio.sleep(max(0.0, (moment - self.now()).total_seconds()))


def _requested(state: SessionState, effect: fx.CallModel) -> e.LlmRequested:
    steering = tuple(m.message_id for m in state.inbox if m.policy is Policy.STEER)
    return e.LlmRequested(
        turn_id=effect.turn_id,
        call_id=effect.call_id,
        step=effect.step,
        attempt=effect.attempt,
        model=state.llm.full_name,
        message_ids=steering,
    )


def _responded(effect: fx.CallModel, answer: LlmAnswer, duration_s: float) -> e.LlmResponded:
    return e.LlmResponded(
        turn_id=effect.turn_id,
        call_id=effect.call_id,
        step=effect.step,
        content=answer.content,
        reasoning=answer.reasoning,
        tool_calls=_own_ids(effect, answer.tool_calls),
        usage=answer.usage,
        cost_usd=answer.cost_usd,
        model=answer.model,
        finish_reason=answer.finish_reason,
        duration_s=round(duration_s, 4),
    )


def _own_ids(effect: fx.CallModel, calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Give each call an id of ours: models repeat theirs, and 40 characters is all some take."""
    stem = hashlib.sha256(effect.turn_id.encode()).hexdigest()[:16]
    return tuple(
        call.model_copy(update={"call_id": f"call_{stem}_{effect.step}_{position}"})
        for position, call in enumerate(calls, 1)
    )


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
