"""The state of a session and every change of it: the fold of its log.

Theory of operation. A session is born by `session.created`; its status is what the last
`session.status_changed` says. A turn begins with `turn.started`, which takes the waiting messages
in, and alternates between asking the model (`llm.requested` → `llm.responded`) and settling the
tool calls of the answer, each by exactly one of `tool.completed`, `tool.failed`,
`tool.interrupted`, `tool.denied`. An answer without calls ends it by `turn.ended`. Being
cancelled, out of budget or without a model is `stopping`: open calls are settled, then the turn
ends. The phase is not stored, it follows:

    no turn                        ready
    a turn, no open call           thinking
    a turn, open calls             acting, or waiting when all that is left waits for a person

A recorded event is a fact: `evolve` refuses none. What does not fit (a call that is not open, a
turn that is not running) changes nothing, which makes it safe against duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from jidoka.contract import events as e
from jidoka.contract.content import Policy, Status, TurnOutcome, Usage
from jidoka.contract.ids import command_key
from jidoka.core.changing import changed
from jidoka.core.ports import Entry
from jidoka.core.state import AT_REST, OpenCall, Question, SessionState, Turn, Waiting

_MAX_LOSSES = 32


def fold(entries: Iterable[Entry], state: SessionState | None = None) -> SessionState:
    """Return the state after `entries`, from `state` or from nothing."""
    state = state or SessionState()
    for entry in entries:
        state = evolve(state, entry)
    return state


def evolve(state: SessionState, entry: Entry) -> SessionState:
    """Return the state after `entry`; one that was folded before changes nothing."""
    if entry.head.sequence <= state.head.sequence:
        return state
    state = changed(
        state,
        session_id=state.session_id or entry.envelope.subject or "",
        head=entry.head,
        updated_at=entry.time or state.updated_at,
    )
    event = entry.event
    if isinstance(event, e.UnknownEvent):
        return state
    if isinstance(event, e.Commanded) and entry.causation_id:
        key = command_key(event.origin, entry.causation_id)
        state = changed(state, recorded=state.recorded.add(key, entry.sequence))
    return _apply(state, event, entry)


def _apply(state: SessionState, event: e.Event, entry: Entry) -> SessionState:
    match event:
        case e.SessionCreated():
            return _created(state, event, entry)
        case e.SessionStatusChanged():
            return _status_changed(state, event)
        case e.SessionRenamed(session_name=name):
            return changed(state, name=name)
        case e.SessionTitled(title=title):
            return changed(state, title=title)
        case e.SessionConfigured():
            return _configured(state, event)
        case e.SessionCloseRequested():
            return _stopping(changed(state, closing="close"), TurnOutcome.CANCELLED)
        case e.SessionTerminationRequested():
            return _stopping(changed(state, closing="terminate"), TurnOutcome.CANCELLED)
        case e.SessionTerminated():
            return _terminated(state, event)
        case e.SessionDeleted():  # nothing is known of it any more but where its log ends
            return SessionState(session_id=state.session_id, head=entry.head)
        case e.WorkerAssigned(host=host, epoch=epoch):
            epoch = max(epoch, state.epoch)
            return changed(state, host=host, epoch=epoch, worker_wanted=True, worker_lost=False)
        case e.WorkerLost(epoch=epoch):
            return _worker_lost(state, epoch, entry.time)
        case e.MessageAccepted() | e.MessageEdited() | e.MessageWithdrawn():
            return _inbox(state, event, entry.sequence)
        case e.ConversationCleared():
            return state
        case e.TurnCancelRequested(turn_id=turn_id):
            return _in_turn(state, turn_id, stopping=TurnOutcome.CANCELLED)
        case e.PermissionAnswered():
            return _answered(state, event)
        case _:
            return _turn_event(state, event, entry)


WorkerEvent = (
    e.TurnStarted
    | e.LlmRequested
    | e.LlmResponded
    | e.LlmFailed
    | e.PermissionRequested
    | e.ToolStarted
    | e.ToolCompleted
    | e.ToolFailed
    | e.ToolInterrupted
    | e.ToolDenied
    | e.TurnLimitReached
    | e.TurnEnded
)


def _turn_event(state: SessionState, event: WorkerEvent, entry: Entry) -> SessionState:
    match event:
        case e.TurnStarted():
            return _turn_started(state, event, entry.time)
        case e.LlmRequested():
            return _llm_requested(state, event)
        case e.LlmResponded():
            return _llm_responded(state, event)
        case e.LlmFailed():
            return _llm_failed(state, event)
        case e.PermissionRequested(deadline=deadline, default=default):
            return _call(state, event.call_id, question=Question(deadline, default))
        case e.ToolStarted():
            return _call(
                state,
                event.call_id,
                started_in=entry.envelope.epoch or state.epoch,
                started_at=entry.time,
                attempt=event.attempt,
                effect=event.effect,
                pre_state=tuple((file.path, file.sha256) for file in event.pre_state),
                post_state=tuple((file.path, file.sha256) for file in event.post_state),
            )
        case e.ToolDenied(call_id=call_id):
            state = _settled(state, call_id)
            turn = state.turn
            return changed(state, turn=changed(turn, denied=turn.denied + 1)) if turn else state
        case e.ToolCompleted() | e.ToolFailed() | e.ToolInterrupted():
            return _settled(state, event.call_id)
        case e.TurnLimitReached(turn_id=turn_id):
            return _in_turn(state, turn_id, stopping=TurnOutcome.BUDGET)
        case e.TurnEnded():
            return _turn_ended(state, event)
        case _:
            assert_never(event)


# --- the session ------------------------------------------------------------------------------


def _created(state: SessionState, event: e.SessionCreated, entry: Entry) -> SessionState:
    return changed(
        state,
        status=Status.INITIALIZING,
        name=event.session_name,
        project_path=event.project_path,
        requested_path=event.requested_path,
        sharing=event.sharing,
        worktree_of=event.worktree_of,
        llm=event.llm,
        permission_mode=event.permission_mode,
        limits=event.limits,
        sandbox=event.sandbox,
        system_prompt=event.system_prompt,
        tools=event.tools,
        owner=event.owner,
        metadata=dict(event.metadata),
        created_at=entry.time,
    )


def _status_changed(state: SessionState, event: e.SessionStatusChanged) -> SessionState:
    return changed(
        state,
        status=event.status,
        status_reason=event.reason,
        closing=None if event.status is Status.CLOSED else state.closing,
        worker_wanted=state.worker_wanted and event.status not in AT_REST,
    )


def _terminated(state: SessionState, event: e.SessionTerminated) -> SessionState:
    return changed(
        state,
        status=Status.TERMINATED,
        end_reason=event.reason,
        error=event.error,
        closing=None,
        worker_wanted=False,
    )


def _configured(state: SessionState, event: e.SessionConfigured) -> SessionState:
    return changed(
        state,
        llm=event.llm or state.llm,
        permission_mode=event.permission_mode or state.permission_mode,
        limits=event.limits or state.limits,
        system_prompt=state.system_prompt if event.system_prompt is None else event.system_prompt,
    )


def _worker_lost(state: SessionState, epoch: int, time: datetime | None) -> SessionState:
    losses = (*state.losses, time)[-_MAX_LOSSES:] if time else state.losses
    return changed(state, worker_lost=state.worker_lost or epoch == state.epoch, losses=losses)


def _inbox(
    state: SessionState,
    event: e.MessageAccepted | e.MessageEdited | e.MessageWithdrawn,
    sequence: int,
) -> SessionState:
    match event:
        case e.MessageAccepted(message_id=message_id, policy=policy):
            waiting = (*state.inbox, Waiting(message_id, policy, sequence))
            totals = changed(state.totals, messages=state.totals.messages + 1)
            state = changed(state, inbox=waiting, totals=totals)
            interrupts = policy is Policy.INTERRUPT
            return _stopping(state, TurnOutcome.CANCELLED) if interrupts else state
        case e.MessageEdited():
            return state
        case e.MessageWithdrawn(message_id=message_id):
            left = tuple(m for m in state.inbox if m.message_id != message_id)
            return changed(state, inbox=left)
        case _:
            assert_never(event)


# --- the turn ---------------------------------------------------------------------------------


def _in_turn(state: SessionState, turn_id: str, **changes: object) -> SessionState:
    turn = state.turn
    if turn is None or turn.turn_id != turn_id:
        return state
    if turn.stopping and "stopping" in changes:
        return state  # the first reason to stop is the outcome
    return changed(state, turn=changed(turn, **changes))  # pyright: ignore[reportArgumentType]


def _stopping(state: SessionState, outcome: TurnOutcome) -> SessionState:
    return _in_turn(state, state.turn.turn_id, stopping=outcome) if state.turn else state


def _turn_started(state: SessionState, event: e.TurnStarted, time: datetime | None) -> SessionState:
    taken = set(event.message_ids)
    return changed(
        state,
        inbox=tuple(m for m in state.inbox if m.message_id not in taken),
        turn=Turn(event.turn_id, event.message_ids, started_at=time),
    )


def _llm_requested(state: SessionState, event: e.LlmRequested) -> SessionState:
    taken = set(event.message_ids)
    state = changed(state, inbox=tuple(m for m in state.inbox if m.message_id not in taken))
    return _in_turn(state, event.turn_id, requested=(event.step, event.attempt))


def _llm_responded(state: SessionState, event: e.LlmResponded) -> SessionState:
    turn = state.turn
    if turn is None or turn.turn_id != event.turn_id or event.step <= turn.step:
        return state
    return changed(
        state,
        turn=changed(
            turn,
            step=event.step,
            attempt=1,
            retry_at=None,
            calls=tuple(OpenCall(call) for call in event.tool_calls),
            answer=event.content or turn.answer,
            answered=not event.tool_calls,
            usage=_sum_usage(turn.usage, event.usage),
            cost_usd=_sum_cost(turn.cost_usd, event.cost_usd),
        ),
    )


def _llm_failed(state: SessionState, event: e.LlmFailed) -> SessionState:
    if event.retry_at is None:
        return _in_turn(state, event.turn_id, stopping=TurnOutcome.FAILED, error=event.error)
    return _in_turn(
        state, event.turn_id, attempt=event.attempt + 1, retry_at=event.retry_at, error=event.error
    )


def _answered(state: SessionState, event: e.PermissionAnswered) -> SessionState:
    call = state.call(event.call_id)
    if call is None or call.question is None or call.question.answer is not None:
        return state
    question = changed(call.question, answer=event.decision, answered_by=event.author)
    state = _call(state, event.call_id, question=question)
    if not event.remember:
        return state
    if event.decision == "allow":
        return changed(state, allowed=state.allowed | {call.call.tool})
    return changed(state, denied=state.denied | {call.call.tool})


def _call(state: SessionState, call_id: str, **changes: object) -> SessionState:
    turn = state.turn
    if turn is None:
        return state
    calls = tuple(
        changed(call, **changes) if call.call_id == call_id else call  # pyright: ignore[reportArgumentType]
        for call in turn.calls
    )
    return changed(state, turn=changed(turn, calls=calls))


def _settled(state: SessionState, call_id: str) -> SessionState:
    if state.turn is None:
        return state
    left = tuple(call for call in state.turn.calls if call.call_id != call_id)
    return changed(state, turn=changed(state.turn, calls=left))


def _turn_ended(state: SessionState, event: e.TurnEnded) -> SessionState:
    turn = state.turn
    if turn is None or turn.turn_id != event.turn_id:
        return state
    totals = changed(
        state.totals,
        turns=state.totals.turns + 1,
        usage=_sum_usage(state.totals.usage, event.usage),
        cost_usd=_sum_cost(state.totals.cost_usd, event.cost_usd),
    )
    return changed(state, turn=None, totals=totals, error=event.error)


def _sum_usage(one: Usage | None, other: Usage | None) -> Usage | None:
    return one + other if one and other else one or other


def _sum_cost(one: float | None, other: float | None) -> float | None:
    return one if other is None else (one or 0.0) + other
