"""What the worker of a session should be doing now."""

from __future__ import annotations

from typing import assert_never

from jidoka.contract.content import TurnOutcome
from jidoka.core.budget import exceeded
from jidoka.core.effects import (
    AskPermission,
    AskPerson,
    AwaitAnswer,
    CallModel,
    CheckUndo,
    Compact,
    DenyTool,
    Effect,
    EndTurn,
    KeepServer,
    PutFilesBack,
    RecoverTool,
    RefuseRepeat,
    ReportInterrupted,
    RunTool,
    StartTurn,
    TitleSession,
    WatchWall,
)
from jidoka.core.permission import Kinds, Rules, verdict
from jidoka.core.purse import asking
from jidoka.core.repeats import is_repeated
from jidoka.core.rules import Verdict
from jidoka.core.servers import is_of_a_server, untried
from jidoka.core.state import OpenCall, SessionState, Turn
from jidoka.core.tooling import ASK_TOOL, EffectClass

_HOLDING = RunTool | RecoverTool | AskPermission | AskPerson | AwaitAnswer
"""What has to be over before a later call that may stand on it begins."""


def next_effects(
    state: SessionState, epoch: int, kinds: Kinds, rules: Rules = ()
) -> tuple[Effect, ...]:
    """Return all that the worker of `epoch` should be doing now; empty means wait.

    `rules` are the permission rules of the machine and the project.
    """
    if state.epoch != epoch or not state.worker_wanted:
        return ()  # another worker speaks for this session, or nobody does any more
    if not state.servers:
        return _next(state, kinds, rules)
    return (*_servers(state), *_next(state, kinds, rules))


def _next(state: SessionState, kinds: Kinds, rules: Rules) -> tuple[Effect, ...]:
    turn = state.turn
    if turn is None:
        return _between_turns(state)
    if turn.calls:
        settling = tuple(_settle(state, turn, call, kinds, rules) for call in turn.calls)
        kept = _one_at_a_time(settling, turn, kinds)
        return (*_reachable(state, turn, kept), *_wall(state, turn))
    if turn.stopping or turn.answered:
        return (EndTurn(turn.turn_id),)
    if over := exceeded(state):
        return (asking(state, turn, over) or EndTurn(turn.turn_id),)
    if state.servers and untried(state.servers, state.epoch) and not _is_asked(turn):
        return _wall(state, turn)  # the model is told of the servers' tools
    return (_thinking(state, turn), *_wall(state, turn))


def _servers(state: SessionState) -> tuple[Effect, ...]:
    """Return the servers to be kept: from a worker's first turn on, as long as it lives."""
    wanted = (s for s in state.servers if state.turn is not None or s.tried_in == state.epoch)
    return tuple(KeepServer(server.name, server.added_at) for server in wanted)


def _reachable(state: SessionState, turn: Turn, kept: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Leave out calls of servers until this worker has tried these."""
    if not state.servers or not untried(state.servers, state.epoch):
        return kept
    theirs = {c.call_id for c in turn.calls if is_of_a_server(state.servers, c.call.tool)}
    return tuple(e for e in kept if not (isinstance(e, RunTool) and e.call_id in theirs))


def _is_asked(turn: Turn) -> bool:
    """Tell whether the model's call is in flight: nothing disturbs it."""
    return turn.requested == (turn.step + 1, turn.attempt)


def _thinking(state: SessionState, turn: Turn) -> Effect:
    """Return the model's call, or what comes before it."""
    if state.attention.compaction is not None and not _is_asked(turn):
        return Compact(state.attention.compaction)
    return CallModel(turn.turn_id, turn.step + 1, turn.attempt, turn.retry_at)


def _between_turns(state: SessionState) -> tuple[Effect, ...]:
    """Return what comes before the next turn, or its beginning; nothing where nothing waits."""
    if state.undoing is not None:
        request = state.undoing.request
        return (PutFilesBack(request) if state.undoing.started else CheckUndo(request),)
    if state.closing is not None:
        return ()
    if state.attention.compaction is not None:
        return (Compact(state.attention.compaction),)
    if state.retry is not None:
        return (StartTurn(state.retry.turn_id),)
    return (StartTurn(state.inbox[0].message_id),) if state.inbox else _title(state)


def _title(state: SessionState) -> tuple[Effect, ...]:
    title = state.attention.title
    return (TitleSession(title),) if title and state.title is None and state.totals.turns else ()


def _settle(state: SessionState, turn: Turn, call: OpenCall, kinds: Kinds, rules: Rules) -> Effect:
    """Return what becomes of one tool call that has no recorded end."""
    if call.started_in is not None and call.started_in != state.epoch:
        return _recover(turn, call)
    if turn.stopping:
        return ReportInterrupted(call.call_id)
    if call.started_in is not None:
        return _running(call)
    return _permit(state, turn, call, kinds, rules)


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
        case EffectClass.EFFECT | EffectClass.UNKNOWN:
            return ReportInterrupted(call.call_id)  # it may have happened: never again
        case _:
            assert_never(kind)


def _permit(state: SessionState, turn: Turn, call: OpenCall, kinds: Kinds, rules: Rules) -> Effect:
    question = call.question
    if question is not None:
        if question.answer == "allow" or (question.is_open_ended and not call.asks):
            return RunTool(call.call_id)
        if question.answer == "deny":
            return DenyTool(call.call_id, "person")
        return AwaitAnswer(
            call.call_id, question.deadline, question.default, question.is_open_ended
        )
    if is_repeated(turn, call.call):
        return RefuseRepeat(call.call_id)
    said = verdict(state, call, kinds, rules)
    match said.verdict:
        case Verdict.DENY:
            return DenyTool(call.call_id, said.by, said.rule)
        case Verdict.ALLOW | Verdict.ASK if call.call.tool == ASK_TOOL:
            return AskPerson(call.call_id)
        case Verdict.ALLOW:
            return RunTool(call.call_id)
        case Verdict.ASK:
            return AskPermission(call.call_id, said.rule)
        case _:
            assert_never(said.verdict)


def _one_at_a_time(settling: tuple[Effect, ...], turn: Turn, kinds: Kinds) -> tuple[Effect, ...]:
    """Keep the model's order for calls that change something; calls that only read go together."""
    kept: list[Effect] = []
    for effect, call in zip(settling, turn.calls, strict=True):
        kept.append(effect)
        reads = kinds.get(call.call.tool, EffectClass.UNKNOWN) is EffectClass.PURE
        reads = reads and call.call.tool != ASK_TOOL
        if isinstance(effect, _HOLDING) and not reads:
            break  # what follows may stand on what this one does
    return tuple(kept)


def _wall(state: SessionState, turn: Turn) -> tuple[Effect, ...]:
    """Watch the time of a turn that works; while it waits for a person its clock stands still."""
    limit_s = state.limits.turn_wall_s
    if not limit_s or turn.stopping or turn.waits_since is not None:
        return ()
    return (WatchWall(turn.turn_id, limit_s, turn.waited_s),)


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
