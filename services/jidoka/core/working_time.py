"""How long a turn works: from its start, without the time in which it only waits for a person.

Who decides on a permission or a budget, or answers a question, takes the time that people take; the
limit `turn_wall_s` is about the agent's. It follows from the times of the events, so a worker that
takes over counts on from where the last one was.
"""

from __future__ import annotations

from datetime import datetime

from jidoka.core.changing import changed
from jidoka.core.state import Phase, SessionState, Turn


def clocked(before: SessionState, after: SessionState, at: datetime | None) -> SessionState:
    """Return the state after an event of that time, with what the turn has waited counted."""
    turn = after.turn
    if turn is None or before.turn is None or at is None:
        return after
    waits = after.phase is Phase.WAITING
    if waits == (turn.waits_since is not None):
        return after
    if waits:
        return changed(after, turn=changed(turn, waits_since=at))
    waited_s = turn.waited_s + _seconds(turn.waits_since, at)
    return changed(after, turn=changed(turn, waits_since=None, waited_s=waited_s))


def worked_s(turn: Turn, now: datetime) -> float:
    """Return for how many seconds a turn that goes on has worked by now."""
    waited_s = turn.waited_s + _seconds(turn.waits_since, now)
    return max(0.0, _seconds(turn.started_at, now) - waited_s)


def _seconds(since: datetime | None, until: datetime) -> float:
    """Return the time between, 0 where the clock was set back."""
    return 0.0 if since is None else max(0.0, (until - since).total_seconds())
