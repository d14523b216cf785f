"""Compacting the conversation: a model writes the summary, and one event records it.

The summary's call has an id that follows from the log, so a worker that takes over finds the call
in flight or its answer, and pays for neither again. Where no summary comes, long outputs are cut.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jidoka.agent.recorder import Recorder
from jidoka.contract import events as e
from jidoka.contract.briefing import ContextSource
from jidoka.contract.errors import Internal, JidokaError, ProviderBadAnswer
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.core.budget import error_info
from jidoka.core.compaction import (
    CUT_TO,
    Plan,
    has_too_many,
    is_too_long,
    messages_of,
    planned,
    told,
)
from jidoka.core.context import Room, offered, room_of, ruled_tokens
from jidoka.core.effects import CallModel, Compact
from jidoka.core.replacing import compacted
from jidoka.core.state import SessionState
from jidoka.core.transcript import Transcript

log = logging.getLogger(__name__)

TRIES = 2
_MOST_ID = 48
WORTH_ASKING = 16_000
"""Tokens from which an unknown window is asked for, since a small one may be near."""


class Model(Protocol):
    """Where answers come from."""

    async def complete(self, call: LlmCall, *, attach: bool = False) -> LlmAnswer:
        """Return the whole answer; with `attach`, first look for the call in flight.

        Raises:
            JidokaError: the attempt failed; `retryable` says whether another may succeed.
        """
        ...


@dataclass(slots=True)
class Compacting:
    """Compacts the conversation of one session."""

    recorder: Recorder
    model: Model
    specs: Callable[[], list[dict[str, Any]]]
    window_of: Callable[[SessionState], Awaitable[int | None]]
    """Asks how many tokens the session's model reads; None: nobody knows."""
    _again_from: int = 0
    """From how many messages on another summary is tried for their number alone."""

    async def before(self, effect: CallModel, sources: tuple[ContextSource, ...]) -> None:
        """Compact where the model's next call, with these sources, would be too long."""
        state, transcript = self._now(sources)
        ruled = ruled_tokens(state, transcript, self._offered(state))
        room = await self._room(state, transcript, ruled)
        overflown = state.attention.overflow == effect.call_id
        if overflown or self._is_due(state, transcript, room, ruled):
            reason = "overflow" if overflown else "automatic"
            plan = planned(transcript.items, room, reason, state.limits.history_messages)
            if plan is not None:
                await self._compact(effect, plan, room, ruled)

    async def asked(self, effect: Compact) -> None:
        """Do the compaction that somebody asked for; nothing to do is recorded too."""
        state, transcript = self._now(())
        ruled = ruled_tokens(state, transcript, self._offered(state))
        room = await self._room(state, transcript, ruled)
        plan = planned(transcript.items, room, "asked")
        if plan is not None:
            await self._compact(effect, plan, room, ruled)
            return
        nothing = e.ContextCompacted(
            turn_id=_turn_of(state),
            reason="asked",
            method="none",
            tokens_before=ruled,
            tokens_after=ruled,
        )
        await self.recorder.record(effect, lambda _state: nothing)

    # --- inside ---

    def _is_due(self, state: SessionState, transcript: Transcript, room: Room, ruled: int) -> bool:
        """Tell whether to compact; where no summary came, its number of messages grows first."""
        too_long = is_too_long(room, ruled)
        later = messages_of(transcript.items) < self._again_from
        return too_long or (has_too_many(state, transcript) and not later)

    def _now(self, sources: tuple[ContextSource, ...]) -> tuple[SessionState, Transcript]:
        session = self.recorder.session
        briefing = session.transcript.briefing.with_sources(sources)
        return session.state, replace(session.transcript, briefing=briefing)

    def _offered(self, state: SessionState) -> list[dict[str, Any]]:
        return offered(self.specs(), state.tools)

    async def _room(self, state: SessionState, transcript: Transcript, ruled: int) -> Room:
        """Return the room; a window that nobody has named yet is asked for when it may matter."""
        briefing = transcript.briefing
        if briefing.window is None and ruled >= WORTH_ASKING:
            known = await self.window_of(state)
            briefing.window = self.recorder.session.transcript.briefing.window = known
        return room_of(state, briefing)

    async def _compact(
        self, effect: CallModel | Compact, plan: Plan, room: Room, ruled: int
    ) -> None:
        event = await self._summarised(plan, room)
        session = self.recorder.session

        def recorded(state: SessionState) -> e.ContextCompacted:
            items = session.transcript.items
            after = compacted(items, event)
            saved = _size(items) - _size(after)
            return event.model_copy(
                update={
                    "turn_id": _turn_of(state),
                    "tokens_before": ruled,
                    "tokens_after": max(ruled - saved, 0),
                }
            )

        items, most = list(session.transcript.items), session.state.limits.history_messages or 0
        await self.recorder.record(effect, recorded)
        failed = event.method != "summary"
        self._again_from = messages_of(items) + max(most // 2, 1) if failed else 0

    async def _summarised(self, plan: Plan, room: Room) -> e.ContextCompacted:
        """Return what is to be recorded: the summary, or that outputs are cut, and why."""
        began_s = asyncio.get_running_loop().time()
        base = e.ContextCompacted(
            reason=plan.reason, method="cut", through=plan.through, pieces=len(plan.pieces)
        )
        call = self._call(plan, room)
        try:
            answer = await self._answer(call)
        except JidokaError as problem:
            log.warning("no summary: %s", problem.code)
            return base.model_copy(update={"cut_to": CUT_TO, "error": error_info(problem)})
        except Exception:  # a defect in one summary must not end the turn
            log.exception("the summary failed in an unforeseen way")
            error = error_info(Internal(incident=call.call_id))
            return base.model_copy(update={"cut_to": CUT_TO, "error": error})
        return base.model_copy(
            update={
                "method": "summary",
                "call_id": call.call_id,
                "summary": answer.content.strip(),
                "model": answer.model,
                "usage": answer.usage,
                "cost_usd": answer.cost_usd,
                "duration_s": round(asyncio.get_running_loop().time() - began_s, 4),
            }
        )

    async def _answer(self, call: LlmCall) -> LlmAnswer:
        """Return the answer; it may have been asked for by a worker that is gone."""
        for attempt in range(1, TRIES + 1):
            try:
                asked = call.model_copy(update={"attempt": attempt})
                answer = await self.model.complete(asked, attach=True)
            except JidokaError as problem:
                if attempt == TRIES or not problem.retryable:
                    raise
                continue
            if answer.content.strip() and not answer.tool_calls:
                return answer
        raise ProviderBadAnswer(provider=call.llm.full_name, reason="no summary in it")

    def _call(self, plan: Plan, room: Room) -> LlmCall:
        session = self.recorder.session
        state, other = session.state, session.state.llm.summary_model
        llm = state.llm.model_copy(update={"provider": None, "model": other} if other else {})
        return LlmCall(
            call_id=_call_id(state, session.transcript.briefing.compactions),
            session_id=state.session_id,
            turn_id=_turn_of(state) or "",
            epoch=self.recorder.epoch,
            owner=state.owner,
            llm=llm,
            project_path=state.project_path,
            messages=told(plan, state.attention.instructions, room),
            quiet=True,
        )


def _call_id(state: SessionState, nth: int) -> str:
    """Return the id of the summary's call: the same for whoever makes this compaction."""
    stem = _turn_of(state) or state.session_id
    if len(stem) > _MOST_ID:
        stem = hashlib.sha256(stem.encode()).hexdigest()[:_MOST_ID]
    return f"{stem}-c{nth}"


def _turn_of(state: SessionState) -> str | None:
    return state.turn.turn_id if state.turn else None


def _size(items: Sequence[Any]) -> int:
    return sum(item.tokens for item in items)
