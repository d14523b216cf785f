"""What the registry knows of each session: one row, computed from events alone.

    entry ─► project(row, entry)  the row after it, also what the session-manager decides by
             core.extracts        tokens and cost to add, texts to search

A row carries all that the next event needs, so the registry goes on where it stopped, and a
registry rebuilt from the log has the same rows to the byte. `core.session` folds one session in
depth for whoever speaks for it; this folds all of them, shallowly, for whoever places them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jidoka.contract import events as e
from jidoka.contract.content import Status
from jidoka.core.changing import changed
from jidoka.core.phases import phase_between_turns
from jidoka.core.ports import Entry
from jidoka.core.session_row import SessionRow, moment_of

KEPT_LOSSES = 1_001
"""How many deaths of workers a row remembers: more than any crash limit counts."""
KEPT_LOSSES_S = 86_400.0
"""How long it remembers one: as long as the longest time that a crash limit looks back."""

_AT_WORK = frozenset({Status.INITIALIZING, Status.ACTIVE, Status.TERMINATING})
"""Here a worker may live; in every other status its epoch has no say any more."""


def project(row: SessionRow | None, entry: Entry) -> SessionRow:
    """Return the row after `entry`. What the row has seen already changes nothing."""
    before = row or SessionRow(entry.envelope.subject or "", first_cursor=entry.head.cursor)
    if entry.sequence <= before.sequence:
        return before
    moment = e.iso(entry.time) if entry.time else before.updated_at
    after = _lifecycle(before, entry.event, moment or "")
    return changed(
        after,
        created_at=before.created_at or moment,
        updated_at=moment,
        cursor=entry.head.cursor,
        sequence=entry.head.sequence,
        digest=entry.head.digest,
    )


def _remembered(losses: tuple[str, ...]) -> tuple[str, ...]:
    if not losses[-1]:
        return losses[:-1]  # an event without a time
    since = moment_of(losses[-1]) - timedelta(seconds=KEPT_LOSSES_S)
    return tuple(loss for loss in losses[-KEPT_LOSSES:] if moment_of(loss) > since)


def _lifecycle(row: SessionRow, event: e.Event | e.UnknownEvent, moment: str) -> SessionRow:
    match event:
        case e.SessionCreated():
            return _created(row, event)
        case e.SessionStatusChanged():
            return _status(row, event)
        case e.WorkerAssigned(host=host, epoch=epoch, machine=machine, lease_s=lease_s):
            return changed(row, host=host, epoch=epoch, machine=machine, lease_s=lease_s)
        case e.WorkerLost(epoch=epoch):
            losses = _remembered((*row.losses, moment))
            return changed(row, gone_epoch=max(row.gone_epoch, epoch), losses=losses)
        case e.SessionTerminated(reason=reason, error=error):
            info = error.model_dump(mode="json") if error else None
            ended = changed(row, status=Status.TERMINATED.value, reason=reason, error=info)
            return _at_rest(changed(ended, asked="", ended=True, inbox=()))
        case e.SessionDeleted():
            gone = changed(row, status=Status.TERMINATED.value, reason="deleted", asked="")
            return _at_rest(changed(gone, ended=True, inbox=()))
        case e.SessionCloseRequested():
            return changed(row, asked=row.asked or "close")
        case e.SessionTerminationRequested():
            return changed(row, asked="terminate")
        case e.SessionRenamed(session_name=name):
            return changed(row, name=name, title=name)
        case e.SessionTitled(title=title):
            return changed(row, title=title)
        case e.SessionConfigured():
            return _configured(row, event)
        case _:
            return _conversation(row, event)


def _conversation(row: SessionRow, event: Any) -> SessionRow:
    match event:
        case e.MessageAccepted(message_id=message_id):
            return changed(row, messages=row.messages + 1, inbox=(*row.inbox, message_id))
        case e.MessageWithdrawn(message_id=message_id):
            return changed(row, inbox=_without(row.inbox, message_id))
        case e.TurnStarted(turn_id=turn_id, message_ids=taken):
            return changed(_taken_up(row, taken), turn_id=turn_id, phase="thinking")
        case e.LlmRequested(message_ids=taken):
            return _taken_up(row, taken)
        case e.LlmResponded(tool_calls=calls):
            asked = tuple(call.call_id for call in calls)
            return _phased(_spent(changed(row, calls=asked), event))
        case e.PermissionRequested(call_id=call_id) | e.QuestionAsked(call_id=call_id):
            return _phased(changed(row, waiting=(*_without(row.waiting, call_id), call_id)))
        case (
            e.PermissionAnswered(call_id=call_id)
            | e.QuestionAnswered(call_id=call_id)
            | e.QuestionExpired(call_id=call_id)
            | e.ToolStarted(call_id=call_id)
        ):
            return _phased(changed(row, waiting=_without(row.waiting, call_id)))
        case e.ToolCompleted() | e.ToolFailed() | e.ToolInterrupted() | e.ToolDenied():
            rest, left = _without(row.calls, event.call_id), _without(row.waiting, event.call_id)
            return _phased(changed(row, calls=rest, waiting=left))
        case e.ContextCompactionRequested() if row.turn_id is None:
            return changed(row, phase="compacting")
        case e.ContextCompacted():
            phase = "ready" if row.phase == "compacting" else row.phase
            return _spent(changed(row, phase=phase), event)
        case e.TurnEnded(error=error):
            info = error.model_dump(mode="json") if error else None
            return _at_rest(changed(row, turns=row.turns + 1, error=info))
        case _:
            phase = phase_between_turns(event)  # else it says nothing that the registry shows
            return row if phase is None else changed(row, phase=phase)


def _created(row: SessionRow, event: e.SessionCreated) -> SessionRow:
    history = event.history if isinstance(event, e.SessionContinued) else ()
    past = [each.name for each in history]
    return changed(
        row,
        name=event.session_name,
        owner=event.owner,
        metadata=event.metadata,
        project_path=event.project_path,
        requested_path=event.requested_path,
        sharing=event.sharing.value,
        worktree_of=event.worktree_of,
        sandbox=event.sandbox.value,
        model=event.llm.full_name,
        fallbacks=event.llm.fallbacks,
        limits=event.limits.model_dump(exclude_defaults=True),
        permission_mode=event.permission_mode.value,
        network=event.network,
        messages=past.count(e.MessageAccepted.name),
        turns=past.count(e.TurnEnded.name),
    )


def _configured(row: SessionRow, event: e.SessionConfigured) -> SessionRow:
    mode, limits = event.permission_mode, event.limits
    return changed(
        row,
        model=event.llm.full_name if event.llm else row.model,
        fallbacks=event.llm.fallbacks if event.llm else row.fallbacks,
        limits=limits.model_dump(exclude_defaults=True) if limits else row.limits,
        permission_mode=mode.value if mode else row.permission_mode,
        network=row.network if event.network is None else event.network,
    )


def _status(row: SessionRow, event: e.SessionStatusChanged) -> SessionRow:
    row = changed(row, status=event.status.value, reason=event.reason)
    if event.status in _AT_WORK:
        return row
    asked = row.asked if event.status is Status.IDLE else ""
    return changed(row, asked=asked, gone_epoch=row.epoch)


def _spent(row: SessionRow, event: e.LlmResponded | e.ContextCompacted) -> SessionRow:
    cost = row.cost_usd if event.cost_usd is None else (row.cost_usd or 0.0) + event.cost_usd
    if event.usage is None:
        return changed(row, cost_usd=cost)
    return changed(
        row,
        input_tokens=(row.input_tokens or 0) + event.usage.input_tokens,
        output_tokens=(row.output_tokens or 0) + event.usage.output_tokens,
        cost_usd=cost,
    )


def _phased(row: SessionRow) -> SessionRow:
    if row.turn_id is None:
        return row
    if not row.calls:
        return changed(row, phase="thinking")
    left = set(row.calls) - set(row.waiting)  # waiting is: all that is left waits for a person
    return changed(row, phase="acting" if left else "waiting")


def _taken_up(row: SessionRow, message_ids: tuple[str, ...]) -> SessionRow:
    return changed(row, inbox=tuple(m for m in row.inbox if m not in message_ids))


def _at_rest(row: SessionRow) -> SessionRow:
    return changed(row, phase="ready", turn_id=None, calls=(), waiting=())


def _without(ids: tuple[str, ...], one: str) -> tuple[str, ...]:
    return tuple(item for item in ids if item != one)
