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
from jidoka.contract.event_groups import (
    AskingEvent,
    CallEnd,
    ContextEvent,
    InboxEvent,
    McpEvent,
    TurnEvent,
    UndoEvent,
)
from jidoka.contract.ids import command_key
from jidoka.core.answers import after_answer_event, after_denial
from jidoka.core.attention import heard_first, inherited
from jidoka.core.changing import changed
from jidoka.core.context_events import after_context_event
from jidoka.core.cuts import goes_on, whole
from jidoka.core.newer import newer_version
from jidoka.core.ports import Entry
from jidoka.core.repeats import after_result
from jidoka.core.servers import after_mcp_event
from jidoka.core.state import AT_REST, OpenCall, Repeat, SessionState, Turn, Waiting
from jidoka.core.undoing import after_undo_event, remembered
from jidoka.core.working_time import clocked

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
        newer = newer_version(entry)
        return changed(state, newer=newer) if newer else state
    if isinstance(event, e.Commanded) and entry.causation_id:
        key = command_key(event.origin, entry.causation_id)
        state = changed(state, recorded=state.recorded.add(key, entry.sequence))
    return clocked(state, _apply(state, event, entry), entry.time)


def _apply(state: SessionState, event: e.Event, entry: Entry) -> SessionState:
    if isinstance(event, TurnEvent):
        return _turn_event(state, event, entry)
    if isinstance(event, AskingEvent):
        return after_answer_event(state, event, entry)
    if isinstance(event, ContextEvent):
        return after_context_event(state, event, entry.sequence)
    if isinstance(event, UndoEvent):
        return after_undo_event(state, event, entry.sequence)
    if isinstance(event, McpEvent):
        epoch = entry.envelope.epoch or state.epoch
        servers = after_mcp_event(state.servers, event, entry.sequence, epoch)
        return changed(state, servers=servers)
    match event:
        case e.SessionCreated():
            return _created(state, event, entry)
        case e.SessionStatusChanged():
            return _status_changed(state, event)
        case e.SessionRenamed(session_name=name):
            return changed(state, name=name, title=name)  # a person's word is better than a rule
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
        case _:
            assert_never(event)


def _turn_event(state: SessionState, event: TurnEvent, entry: Entry) -> SessionState:
    match event:
        case e.TurnStarted():
            return _turn_started(state, event, entry.time)
        case e.LlmRequested():
            return _llm_requested(state, event)
        case e.LlmResponded():
            return _llm_responded(state, event)
        case e.LlmFailed():
            return _llm_failed(state, event)
        case e.ToolStarted():
            return _call(
                _with_snapshot(state, event),
                event.call_id,
                started_in=entry.envelope.epoch or state.epoch,
                started_at=entry.time,
                attempt=event.attempt,
                effect=event.effect,
                pre_state=tuple((file.path, file.sha256) for file in event.pre_state),
                post_state=tuple((file.path, file.sha256) for file in event.post_state),
            )
        case e.ToolDenied():
            state = after_denial(_settled(state, event), event, entry.time)
            turn = state.turn
            return changed(state, turn=changed(turn, denied=turn.denied + 1)) if turn else state
        case e.ToolCompleted() | e.ToolFailed() | e.ToolInterrupted():
            return _settled(state, event)
        case e.TurnLimitReached(turn_id=turn_id):
            return _in_turn(state, turn_id, stopping=TurnOutcome.BUDGET)
        case e.TurnEnded():
            return _turn_ended(state, event)
        case _:
            assert_never(event)


# --- the session ------------------------------------------------------------------------------


def _created(state: SessionState, event: e.SessionCreated, entry: Entry) -> SessionState:
    history = event.history if isinstance(event, e.SessionContinued) else ()
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
        permissions=event.permissions,
        network=event.network,
        owner=event.owner,
        metadata=dict(event.metadata),
        attention=inherited(history, event.limits.active_files),
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
        permissions=state.permissions if event.permissions is None else event.permissions,
        network=state.network if event.network is None else event.network,
    )


def _worker_lost(state: SessionState, epoch: int, time: datetime | None) -> SessionState:
    losses = (*state.losses, time)[-_MAX_LOSSES:] if time else state.losses
    return changed(state, worker_lost=state.worker_lost or epoch == state.epoch, losses=losses)


def _inbox(state: SessionState, event: InboxEvent, sequence: int) -> SessionState:
    match event:
        case e.MessageAccepted(message_id=message_id, policy=policy, unattended=unattended):
            waiting = (*state.inbox, Waiting(message_id, policy, sequence, unattended))
            totals = changed(state.totals, messages=state.totals.messages + 1)
            seen = heard_first(state.attention, event)
            state = changed(state, inbox=waiting, totals=totals, undone=(), attention=seen)
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
    taken = [m for m in state.inbox if m.message_id in event.message_ids]
    turn = Turn(event.turn_id, event.message_ids, started_at=time, retry_of=event.retry_of)
    alone = bool(taken) and all(message.unattended for message in taken)
    return changed(
        state,
        inbox=tuple(m for m in state.inbox if m not in taken),
        turn=changed(turn, unattended=alone),
        retry=None,
        undone=(),
    )


def _llm_requested(state: SessionState, event: e.LlmRequested) -> SessionState:
    taken = [m for m in state.inbox if m.message_id in event.message_ids]
    state = changed(state, inbox=tuple(m for m in state.inbox if m not in taken))
    if any(not message.unattended for message in taken):
        state = _in_turn(state, event.turn_id, unattended=False)
    if taken:
        state = _in_turn(state, event.turn_id, repeat=Repeat())
    return _in_turn(state, event.turn_id, requested=(event.step, event.attempt), pause=None)


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
            answer=whole(turn.answer, event, turn.cuts),
            answered=not event.tool_calls and not goes_on(event, turn.cuts),
            cuts=turn.cuts + 1 if goes_on(event, turn.cuts) else 0,
            usage=_sum_usage(turn.usage, event.usage),
            cost_usd=_sum_cost(turn.cost_usd, event.cost_usd),
        ),
    )


def _llm_failed(state: SessionState, event: e.LlmFailed) -> SessionState:
    if event.retry_at is None:
        return _in_turn(state, event.turn_id, stopping=TurnOutcome.FAILED, error=event.error)
    if event.error.code == "context_overflow":
        state = changed(state, attention=changed(state.attention, overflow=event.call_id))
    return _in_turn(
        state, event.turn_id, attempt=event.attempt + 1, retry_at=event.retry_at, error=event.error
    )


def _with_snapshot(state: SessionState, event: e.ToolStarted) -> SessionState:
    if event.snapshot is None or state.turn is None or state.turn.before is not None:
        return state
    return changed(state, turn=changed(state.turn, before=event.snapshot))


def _call(state: SessionState, call_id: str, **changes: object) -> SessionState:
    turn = state.turn
    if turn is None:
        return state
    calls = tuple(
        changed(call, **changes) if call.call_id == call_id else call  # pyright: ignore[reportArgumentType]
        for call in turn.calls
    )
    return changed(state, turn=changed(turn, calls=calls))


def _settled(state: SessionState, event: CallEnd) -> SessionState:
    state = after_result(state, event)
    if state.turn is None:
        return state
    left = tuple(call for call in state.turn.calls if call.call_id != event.call_id)
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
    done = remembered(state, event, totals.turns)
    raised = tuple(each for each in state.raised if not each.turn_id)
    return changed(state, turn=None, totals=totals, done=done, error=event.error, raised=raised)


def _sum_usage(one: Usage | None, other: Usage | None) -> Usage | None:
    return one + other if one and other else one or other


def _sum_cost(one: float | None, other: float | None) -> float | None:
    return one if other is None else (one or 0.0) + other
