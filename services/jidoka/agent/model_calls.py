"""Asking the model: what it is sent is read, compacted where it must be, recorded, then sent."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from jidoka.agent.compacting import Compacting, Model
from jidoka.agent.reading import Reading
from jidoka.agent.recorder import Recorder, Unwanted
from jidoka.agent.tool_calls import ToolCalls
from jidoka.contract import events as e
from jidoka.contract.briefing import ContextSource
from jidoka.contract.content import Policy, ToolCall
from jidoka.contract.errors import BudgetExceeded, Internal, JidokaError
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.contract.json import write_json
from jidoka.core.budget import OWNERS_KINDS, error_info, raised_by
from jidoka.core.context import Assembled, assembled, offered
from jidoka.core.effects import CallModel
from jidoka.core.retry import model_delay_s
from jidoka.core.state import SessionState
from jidoka.core.tokens import written_tool

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ModelCalls:
    """Performs the model calls of one worker."""

    recorder: Recorder
    model: Model
    tools: ToolCalls
    reading: Reading
    compacting: Compacting
    now: Callable[[], datetime]

    async def call(self, effect: CallModel) -> None:
        """Ask the model: `llm.requested`, then `llm.responded` or `llm.failed`."""
        asked_before = self._is_requested(effect)
        began_s = asyncio.get_running_loop().time()
        try:
            if not asked_before:
                await self._request(effect)
            sent = self._assembled()
            answer = await self.model.complete(self._llm_call(effect, sent), attach=asked_before)
        except JidokaError as problem:
            await self._failed(effect, problem)
        except Unwanted:
            raise
        except Exception:
            log.exception("asking the model failed in an unforeseen way")
            await self._failed(effect, Internal(incident=effect.call_id))
        else:
            duration_s = asyncio.get_running_loop().time() - began_s
            event = _responded(effect, answer, duration_s, sent)
            await self.recorder.record(effect, lambda _state: event)

    async def _request(self, effect: CallModel) -> None:
        session = self.recorder.session
        sources = await self.reading.changes(session.state, session.transcript.briefing)
        await self.compacting.before(effect, sources)
        await self.recorder.record(effect, lambda state: _requested(state, effect, sources))

    def _assembled(self) -> Assembled:
        session = self.recorder.session
        specs = offered(self.tools.specs(), session.state.tools)
        return assembled(session.state, session.transcript, specs)

    def _llm_call(self, effect: CallModel, sent: Assembled) -> LlmCall:
        state = self.recorder.session.state
        return LlmCall(
            call_id=effect.call_id,
            attempt=effect.attempt,
            session_id=state.session_id,
            turn_id=effect.turn_id,
            epoch=self.recorder.epoch,
            owner=state.owner,
            llm=state.llm,
            project_path=state.project_path,
            raised={kind: raised_by(state, "owner", kind) for kind in OWNERS_KINDS},
            messages=sent.messages,
            tools=sent.tools,
            step=effect.step,
        )

    async def _failed(self, effect: CallModel, problem: JidokaError) -> None:
        delay_s = self._delay_s(effect, problem)
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

    def _delay_s(self, effect: CallModel, problem: JidokaError) -> float | None:
        """Return how long to wait before another attempt, None to give up.

        What was too long is asked once more, compacted.
        """
        state = self.recorder.session.state
        if isinstance(problem, BudgetExceeded):
            return 0.0  # asked again when somebody gives more; the turn ends where nobody does
        if problem.code == "context_overflow" and self._is_requested(effect):
            return None if state.attention.overflow == effect.call_id else 0.0
        return model_delay_s(
            effect.attempt,
            retryable=problem.retryable,
            retry_after_s=getattr(problem, "retry_after_s", None),
            fraction=random.random(),  # noqa: S311 - jitter, no secret
        )

    def _is_requested(self, effect: CallModel) -> bool:
        turn = self.recorder.session.state.turn
        if turn is None:
            raise Unwanted
        return turn.requested == (effect.step, effect.attempt)


def _requested(
    state: SessionState, effect: CallModel, sources: tuple[ContextSource, ...]
) -> e.LlmRequested:
    steering = tuple(m.message_id for m in state.inbox if m.policy is Policy.STEER)
    return e.LlmRequested(
        turn_id=effect.turn_id,
        call_id=effect.call_id,
        step=effect.step,
        attempt=effect.attempt,
        model=state.llm.full_name,
        message_ids=steering,
        sources=sources,
    )


def _responded(
    effect: CallModel, answer: LlmAnswer, duration_s: float, sent: Assembled
) -> e.LlmResponded:
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
        window=answer.window,
        context_tokens=sent.ruled,
        context_hash=hash_of(sent),
    )


def hash_of(sent: Assembled) -> str:
    """Return the SHA-256 of what the model was sent."""
    digest = hashlib.sha256(write_json(sent.messages))
    for tool in sent.tools:
        digest.update(written_tool(tool))
    return digest.hexdigest()


def _own_ids(effect: CallModel, calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Give each call an id of ours: models repeat theirs, and 40 characters is all some take."""
    stem = hashlib.sha256(effect.turn_id.encode()).hexdigest()[:16]
    return tuple(
        call.model_copy(update={"call_id": f"call_{stem}_{effect.step}_{position}"})
        for position, call in enumerate(calls, 1)
    )
