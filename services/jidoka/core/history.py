"""The conversation of one session as another one takes it over: what was said and done there.

Lifecycle is left out, since the new session has its own. What is still open at the end is ended:
a turn that ran there does not run here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jidoka.contract import events as e
from jidoka.contract.content import PastEvent, TurnOutcome
from jidoka.contract.errors import InvalidMessage
from jidoka.core.ports import Entry

_LIFECYCLE = ("session.", "worker.")


def history_of(entries: Iterable[Entry]) -> tuple[PastEvent, ...]:
    """Return the conversation of a log; one that it took over itself is the beginning of it."""
    history: list[PastEvent] = []
    turn_id: str | None = None
    for entry in entries:
        match entry.event:
            case e.SessionContinued(history=before):
                history.extend(before)
            case e.UnknownEvent():
                pass  # of a build that knows more; nothing here reads it
            case event:
                if not event.name.startswith(_LIFECYCLE):
                    data = event.model_dump(mode="json")
                    history.append(PastEvent(name=event.name, time=entry.time, data=data))
                if isinstance(event, e.TurnStarted | e.TurnEnded):
                    turn_id = event.turn_id if isinstance(event, e.TurnStarted) else None
    if turn_id is not None:
        end = e.TurnEnded(turn_id=turn_id, outcome=TurnOutcome.CANCELLED)
        history.append(PastEvent(name=end.name, data=end.model_dump(mode="json")))
    return tuple(history)


def events_of(history: Iterable[PastEvent]) -> Iterator[e.Event]:
    """Yield the events of a history, without those that this build cannot read."""
    for past in history:
        try:
            event = e.open_event(past.name, 1, past.data)
        except InvalidMessage:
            continue
        if not isinstance(event, e.UnknownEvent | e.SessionContinued):
            yield event
