"""What the worker of a session should be doing now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from jidoka.contract.content import TurnOutcome
from jidoka.core.budget import exceeded
from jidoka.core.effects import (
    AskPermission,
    AwaitAnswer,
    CallModel,
    DenyTool,
    Effect,
    EndTurn,
    RecoverTool,
    ReportInterrupted,
    RunTool,
    StartTurn,
    WatchWall,
)
from jidoka.core.permission import Verdict, verdict
from jidoka.core.state import OpenCall, SessionState, Turn
from jidoka.core.tooling import EffectClass

Kinds = Mapping[str, EffectClass]
"""The tools of the session with what may be done about an interrupted call of each."""


def next_effects(state: SessionState, epoch: int, kinds: Kinds) -> tuple[Effect, ...]:
    """Return all that the worker of `epoch` should be doing now; empty means wait."""
    if state.epoch != epoch or not state.worker_wanted:
        return ()  # another worker speaks for this session, or nobody does any more
    turn = state.turn
    if turn is None:
        takes = state.inbox and state.closing is None
        return (StartTurn(state.inbox[0].message_id),) if takes else ()
    if turn.calls:
        settling = tuple(_settle(state, turn, call, kinds) for call in turn.calls)
        return (*_one_at_a_time(settling, turn, kinds), *_wall(state, turn))
    if turn.stopping or turn.answered or exceeded(state):
        return (EndTurn(turn.turn_id),)
    call = CallModel(turn.turn_id, turn.step + 1, turn.attempt, turn.retry_at)
    return (call, *_wall(state, turn))


def _settle(state: SessionState, turn: Turn, call: OpenCall, kinds: Kinds) -> Effect:
    """Return what becomes of one tool call that has no recorded end."""
    if call.started_in is not None and call.started_in != state.epoch:
        return _recover(turn, call)
    if turn.stopping:
        return ReportInterrupted(call.call_id)
    if call.started_in is not None:
        return _running(call)
    return _permit(state, call, kinds)


def _running(call: OpenCall) -> Effect:
    """Return the effect that this worker is performing: the same before the start and after it.

    Another one would end a file write that was begun again, and begin it once more.
    """
    recovering = call.attempt > 1 and call.effect == EffectClass.IDEMPOTENT
    return RecoverTool(call.call_id) if recovering else RunTool(call.call_id)


def _recover(turn: Turn, call: OpenCall) -> Effect:
    """Return what becomes of a call that a lost worker had started."""
    if turn.stopping:
        return ReportInterrupted(call.call_id)
    kind = EffectClass(call.effect)
    match kind:
        case EffectClass.PURE:
            return RunTool(call.call_id)
        case EffectClass.IDEMPOTENT:
            return RecoverTool(call.call_id)
        case EffectClass.EFFECT:
            return ReportInterrupted(call.call_id)  # it may have happened: never again
        case _:
            assert_never(kind)


def _permit(state: SessionState, call: OpenCall, kinds: Kinds) -> Effect:
    question = call.question
    if question is not None:
        if question.answer == "allow":
            return RunTool(call.call_id)
        if question.answer == "deny":
            return DenyTool(call.call_id, "person")
        return AwaitAnswer(call.call_id, question.deadline, question.default)
    said = verdict(state, call.call.tool, kinds)
    match said:
        case Verdict.ALLOW:
            return RunTool(call.call_id)
        case Verdict.DENY:
            return DenyTool(call.call_id, "mode")
        case Verdict.ASK:
            return AskPermission(call.call_id)
        case _:
            assert_never(said)


def _one_at_a_time(settling: tuple[Effect, ...], turn: Turn, kinds: Kinds) -> tuple[Effect, ...]:
    """Keep the model's order for calls that change something; calls that only read go together."""
    kept: list[Effect] = []
    for effect, call in zip(settling, turn.calls, strict=True):
        kept.append(effect)
        reads = kinds.get(call.call.tool, EffectClass.PURE) is EffectClass.PURE
        if isinstance(effect, RunTool | RecoverTool | AskPermission | AwaitAnswer) and not reads:
            break  # what follows may stand on what this one does
    return tuple(kept)


def _wall(state: SessionState, turn: Turn) -> tuple[Effect, ...]:
    limit_s = state.limits.turn_wall_s
    return (WatchWall(turn.turn_id, limit_s),) if limit_s and not turn.stopping else ()


def outcome_of(state: SessionState, turn: Turn) -> TurnOutcome:
    """Return how a turn that is to end now ends."""
    if turn.stopping:
        return turn.stopping
    if turn.answered:
        return TurnOutcome.COMPLETED
    over = exceeded(state)
    if over and over.kind == "steps":
        return TurnOutcome.STEP_LIMIT
    return TurnOutcome.BUDGET if over else TurnOutcome.COMPLETED
