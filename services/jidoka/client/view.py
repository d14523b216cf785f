"""What a person sees of a session: a pure fold of its events and deltas, for every face.

    view = SessionView()
    for item in items: view = see(view, item)

Deltas come by another way than events, so they may be early, late or doubled: a delta of an older
worker or attempt is dropped, one that overlaps adds only what is new, and the recorded answer
replaces whatever was shown. A view made of events alone and one that saw every delta end the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from jidoka.client.asked import of_asking, without_question
from jidoka.client.context import of_context, of_servers, with_servers_stopped
from jidoka.client.items import Item, Recorded, Shown
from jidoka.client.shapes import Answer, Call, Entry, Message, SessionView, TurnView
from jidoka.client.undo_view import of_undo
from jidoka.contract import events as e
from jidoka.contract.content import Status, Usage, text_of
from jidoka.contract.event_groups import (
    AskingEvent,
    ContextEvent,
    InboxEvent,
    McpEvent,
    TurnEvent,
    UndoEvent,
)
from jidoka.contract.live import Delta
from jidoka.core.history import events_of

RUNNING = (Status.INITIALIZING, Status.ACTIVE)
GAP = "…"
"""Stands where deltas are missing until the recorded answer fills it."""


def see(view: SessionView, item: Item) -> SessionView:
    """Return the view after one more item."""
    match item:
        case Recorded(event=event, sequence=sequence):
            if sequence <= view.sequence:
                return view  # seen before
            return _recorded(replace(view, sequence=sequence), event, item)
        case Shown(kind=kind, delta=delta, epoch=epoch):
            if epoch is not None and epoch < view.epoch:
                return view  # an older worker
            return _shown(view, kind, delta)
        case _:
            assert_never(item)


def _recorded(view: SessionView, event: e.Event | e.UnknownEvent, item: Recorded) -> SessionView:
    if isinstance(event, ContextEvent):
        return of_context(view, event)
    if isinstance(event, McpEvent):
        return of_servers(view, event)
    if isinstance(event, AskingEvent):
        return of_asking(view, event, item.envelope.time)
    if isinstance(event, UndoEvent):
        return of_undo(view, event)
    match event:
        case e.SessionContinued():
            return _with_past(_born(view, event, item), event, item)
        case e.SessionCreated():
            return _born(view, event, item)
        case e.SessionRenamed(session_name=name):
            return replace(view, name=name, title=name)
        case e.SessionTitled(title=title):
            return replace(view, title=title)
        case e.SessionConfigured():
            return _configured(view, event)
        case e.SessionStatusChanged(status=status, reason=reason):
            seen = view if status in RUNNING else with_servers_stopped(view)
            return replace(seen, status=status, status_reason=reason)
        case e.WorkerAssigned(epoch=epoch, host=host):
            return replace(with_servers_stopped(view), epoch=epoch, host=host)
        case e.SessionTerminated(reason=reason, error=error):
            return replace(
                view, status=Status.TERMINATED, status_reason=reason, error=error or view.error
            )
        case e.SessionDeleted():
            return replace(view, status=Status.TERMINATED, status_reason="deleted")
        case e.WorkerLost():
            return replace(with_servers_stopped(view), workers_lost=view.workers_lost + 1)
        case e.ConversationCleared():
            return replace(view, cleared=view.cleared + 1)
        case e.SessionCloseRequested() | e.SessionTerminationRequested() | e.UnknownEvent():
            return view
        case e.MessageAccepted() | e.MessageEdited() | e.MessageWithdrawn():
            return _waiting(view, event)
        case _:
            return _of_a_turn(view, event)


def _born(view: SessionView, event: e.SessionCreated, item: Recorded) -> SessionView:
    return replace(
        view,
        session_id=item.session_id,
        name=event.session_name,
        project_path=event.project_path,
        model=event.llm.full_name,
        permission_mode=event.permission_mode,
        sandbox=event.sandbox,
        network=event.network,
    )


def _configured(view: SessionView, event: e.SessionConfigured) -> SessionView:
    return replace(
        view,
        model=event.llm.full_name or view.model if event.llm else view.model,
        network=view.network if event.network is None else event.network,
        permission_mode=event.permission_mode or view.permission_mode,
    )


def _with_past(view: SessionView, event: e.SessionContinued, item: Recorded) -> SessionView:
    """Show what was said and done elsewhere; what it cost was paid there."""
    seen = view
    for past in events_of(event.history):
        seen = _recorded(seen, past, item)
    return replace(seen, waiting=(), questions=(), usage=view.usage, cost_usd=view.cost_usd)


def _waiting(view: SessionView, event: InboxEvent) -> SessionView:
    """Messages that no turn has taken up."""
    match event:
        case e.MessageAccepted(message_id=message_id, content=content, author=author):
            message = Message(message_id, text_of(content), author)
            return replace(view, waiting=(*view.waiting, message))
        case e.MessageEdited(message_id=message_id, content=content):
            text = text_of(content)
            return replace(
                view,
                waiting=tuple(
                    replace(m, text=text) if m.message_id == message_id else m for m in view.waiting
                ),
            )
        case e.MessageWithdrawn(message_id=message_id):
            left = tuple(m for m in view.waiting if m.message_id != message_id)
            return replace(view, waiting=left)
        case _:
            assert_never(event)


def _of_a_turn(view: SessionView, event: TurnEvent | e.TurnCancelRequested) -> SessionView:
    match event:
        case e.TurnStarted(turn_id=turn_id, message_ids=ids, retry_of=former):
            taken = tuple(m for m in view.waiting if m.message_id in ids)
            left = tuple(m for m in view.waiting if m.message_id not in ids)
            turn = TurnView(turn_id, taken, retry_of=former)
            return replace(view, turns=(*view.turns, turn), waiting=left)
        case e.TurnCancelRequested(turn_id=turn_id):
            return view.with_turn(turn_id, lambda turn: replace(turn, cancelling=True))
        case e.TurnEnded():
            view = replace(view, questions=())
            return _totals(view.with_turn(event.turn_id, lambda turn: turn.ended_by(event)), event)
        case e.TurnLimitReached():
            return view  # the end of the turn says so
        case e.LlmRequested() | e.LlmResponded() | e.LlmFailed():
            return view.with_turn(event.turn_id, lambda turn: _model(turn, event))
        case e.ToolStarted():
            return _running(without_question(view, event.call_id), event)
        case e.ToolCompleted() | e.ToolFailed() | e.ToolInterrupted() | e.ToolDenied():
            view = without_question(view, event.call_id)
            return view.with_turn(event.turn_id, lambda turn: turn.with_end(event))
        case _:
            assert_never(event)


def _model(turn: TurnView, event: e.LlmRequested | e.LlmResponded | e.LlmFailed) -> TurnView:
    match event:
        case e.LlmRequested(call_id=call_id, step=step, attempt=attempt, model=model):
            answer = turn.answer_of(call_id)
            if attempt > answer.attempt:
                answer = replace(answer, attempt=attempt, text="", reasoning="", ends=())
            turn = replace(turn, retry_at=None)
            return turn.with_entry(replace(answer, step=step, model=model))
        case e.LlmResponded():
            answer = replace(
                turn.answer_of(event.call_id),
                step=event.step,
                model=event.model,
                text=event.content,
                reasoning=event.reasoning,
                final=True,
            )
            return turn.with_entry(answer).with_asked(event.tool_calls)
        case e.LlmFailed(error=error, retry_at=retry_at):
            return replace(turn, error=error, retry_at=retry_at, failures=turn.failures + 1)
        case _:
            assert_never(event)


def _totals(view: SessionView, event: e.TurnEnded) -> SessionView:
    usage = view.usage
    if event.usage is not None:
        usage = (usage or Usage(input_tokens=0, output_tokens=0)) + event.usage
    cost = view.cost_usd
    if event.cost_usd is not None:
        cost = (cost or 0.0) + event.cost_usd
    return replace(view, usage=usage, cost_usd=cost, error=event.error or view.error)


def _running(view: SessionView, event: e.ToolStarted) -> SessionView:
    def change(turn: TurnView) -> TurnView:
        call = replace(turn.call_of(event.call_id, event.tool), phase="running", args=event.args)
        return turn.with_entry(call)

    return view.with_turn(event.turn_id, change)


def _shown(view: SessionView, kind: str, delta: Delta) -> SessionView:
    """Deltas only change what has no recorded end yet."""

    def change(turn: TurnView) -> TurnView:
        if turn.outcome is not None:
            return turn
        entry = turn.find(delta.call_id)
        if kind == "tool_output":
            return _output(turn, entry, delta)
        if isinstance(entry, Call):
            return turn
        answer = entry or turn.answer_of(delta.call_id)
        if answer.final or delta.attempt < answer.attempt:
            return turn
        if delta.attempt > answer.attempt:
            answer = replace(answer, attempt=delta.attempt, text="", reasoning="", ends=())
        return turn.with_entry(_longer(answer, kind, delta))

    return view.with_turn(delta.turn_id, change)


def _output(turn: TurnView, entry: Entry | None, delta: Delta) -> TurnView:
    if not isinstance(entry, Call) or entry.ended:
        return turn
    text, end = _joined(entry.output, entry.output_end, delta)
    return turn.with_entry(replace(entry, output=text, output_end=end))


def _longer(answer: Answer, kind: str, delta: Delta) -> Answer:
    ends = dict(answer.ends)
    if kind == "reasoning":
        text, ends[kind] = _joined(answer.reasoning, ends.get(kind, 0), delta)
        return replace(answer, reasoning=text, ends=tuple(ends.items()))
    text, ends[kind] = _joined(answer.text, ends.get(kind, 0), delta)
    return replace(answer, text=text, ends=tuple(ends.items()))


def _joined(text: str, end: int, delta: Delta) -> tuple[str, int]:
    """Return the text with the delta at its end, and where that end is in UTF-8 bytes."""
    piece = delta.text.encode()
    until = delta.offset + len(piece)
    if until <= end:
        return text, end
    if delta.offset > end:
        return text + GAP + delta.text, until
    return text + piece[end - delta.offset :].decode(errors="ignore"), until
