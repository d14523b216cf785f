"""What the registry knows of each session: one row, computed from events alone.

    entry ─► project(row, entry)  the row after it, also what the session-manager decides by
             core.extracts        tokens and cost to add, texts to search

A row carries all that the next event needs, so the registry goes on where it stopped, and a
registry rebuilt from the log has the same rows to the byte. `core.session` folds one session in
depth for whoever speaks for it; this folds all of them, shallowly, for whoever places them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jidoka.contract import events as e
from jidoka.contract.content import Sharing, Status, Usage
from jidoka.contract.envelope import GENESIS
from jidoka.core.changing import changed
from jidoka.core.phases import AWAITED, phase_between_turns
from jidoka.core.ports import Entry, Head

KEPT_LOSSES = 1_001
"""How many deaths of workers a row remembers: more than any crash limit counts."""
KEPT_LOSSES_S = 86_400.0
"""How long it remembers one: as long as the longest time that a crash limit looks back."""

_AT_WORK = frozenset({Status.INITIALIZING, Status.ACTIVE, Status.TERMINATING})
"""Here a worker may live; in every other status its epoch has no say any more."""


@dataclass(frozen=True)
class SessionRow:
    """A session as the registry knows it; every field is a column."""

    session_id: str
    name: str = ""
    title: str | None = None
    owner: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    project_path: str = ""
    requested_path: str = ""
    sharing: str = Sharing.EXCLUSIVE.value
    worktree_of: str | None = None
    sandbox: str = "auto"
    model: str = ""
    permission_mode: str = "ask"
    network: bool = False
    status: str = Status.INITIALIZING.value
    reason: str = ""
    """Why the status is what it is."""
    asked: str = ""
    """What is still to be done for a person: `close`, `terminate`, or nothing."""
    ended: bool = False
    """Whether `session.terminated` or `session.deleted`, the last event, is recorded."""
    error: Mapping[str, Any] | None = None
    phase: str = "ready"
    """`ready` `thinking` `acting` `waiting`, between turns also `undoing` `retrying`
    `compacting`."""
    turn_id: str | None = None
    inbox: tuple[str, ...] = ()
    """Messages that no turn has taken up."""
    calls: tuple[str, ...] = ()
    """Tool calls without an end."""
    waiting: tuple[str, ...] = ()
    """Call ids of open questions."""
    messages: int = 0
    turns: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    host: str | None = None
    machine: str = ""
    lease_s: float | None = None
    """How long the host has to be silent before one on another machine may take over."""
    epoch: int = 0
    gone_epoch: int = 0
    """The newest epoch that has no say any more: its worker was lost, or sent to rest."""
    losses: tuple[str, ...] = ()
    """When workers were lost, the last ones, RFC 3339."""
    created_at: str | None = None
    updated_at: str | None = None
    first_cursor: int = 0
    """Stream sequence of the first event: where a replay starts."""
    cursor: int = 0
    sequence: int = 0
    digest: str = GENESIS

    @property
    def head(self) -> Head:
        """Where the session's log stands: what the next append expects."""
        return Head(self.cursor, self.sequence, self.digest)

    @property
    def is_open(self) -> bool:
        """Whether the session counts: neither closed nor terminated."""
        return self.status not in (Status.CLOSED, Status.TERMINATED)

    @property
    def is_assigned(self) -> bool:
        """Whether a worker has the session: the newest epoch has its say."""
        return self.epoch > self.gone_epoch

    @property
    def is_busy(self) -> bool:
        """Whether there is something for a worker to do, or an answer to wait for."""
        return bool(self.turn_id or self.inbox or self.phase in AWAITED)

    @property
    def usage(self) -> Usage | None:
        """All tokens of the session, None where no provider said."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return Usage(input_tokens=self.input_tokens, output_tokens=self.output_tokens)

    @property
    def totals(self) -> dict[str, Any]:
        """What the session has used."""
        return {
            "messages": self.messages,
            "turns": self.turns,
            "usage": self.usage.model_dump() if self.usage else None,
            "cost_usd": self.cost_usd,
        }


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
        case e.SessionConfigured(llm=llm, permission_mode=mode, network=network):
            model = llm.full_name if llm else row.model
            mode = mode.value if mode else row.permission_mode
            network = row.network if network is None else network
            return changed(row, model=model, permission_mode=mode, network=network)
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
        permission_mode=event.permission_mode.value,
        network=event.network,
        messages=past.count(e.MessageAccepted.name),
        turns=past.count(e.TurnEnded.name),
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


def moment_of(text: str) -> datetime:
    """Return the time that a row holds as RFC 3339."""
    return datetime.fromisoformat(text).astimezone(UTC)
