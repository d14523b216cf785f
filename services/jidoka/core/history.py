"""The conversation of one session as another one takes it over: what was said and done there.

Lifecycle is left out, since the new session has its own. What is still open at the end is ended:
a turn that ran there does not run here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Moved:
    """A conversation as another session holds it."""

    history: tuple[PastEvent, ...]
    blobs: frozenset[str]
    """SHA-256 of the blobs that it names and the new session needs."""


def moved_history(history: Iterable[PastEvent], old_id: str, new_id: str) -> Moved:
    """Return a history whose references to blobs of one session are to those of another."""
    text = json.dumps([past.model_dump(mode="json") for past in history])
    blobs = frozenset(re.findall(f"blob:{old_id}/([0-9a-f]{{64}})", text))
    moved = json.loads(text.replace(f"blob:{old_id}/", f"blob:{new_id}/"))
    return Moved(tuple(PastEvent.model_validate(past) for past in moved), blobs)
