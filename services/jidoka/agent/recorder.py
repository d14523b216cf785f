"""How a worker records what it did: one append at a time, only while it is still wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jidoka.agent.session import LiveSession
from jidoka.contract.errors import StaleSequence, StorageFull, TimedOut, Unavailable
from jidoka.contract.events import Event
from jidoka.core.effects import Effect
from jidoka.core.permission import Kinds, Rules
from jidoka.core.ports import Draft, EventLog
from jidoka.core.state import OpenCall, SessionState
from jidoka.core.turn import next_effects

_AGAIN_FIRST_S = 0.1
_AGAIN_MOST_S = 5.0


class Unwanted(Exception):  # noqa: N818 - no error: there is nothing left to do
    """The log moved on: the effect that was about to be recorded is not wanted any more."""


@dataclass(slots=True)
class Recorder:
    """Appends the events of one worker."""

    log: EventLog
    session: LiveSession
    epoch: int
    source: str
    kinds: Kinds
    new_id: Callable[[], str]
    rules: Rules = ()
    """The permission rules of the machine and the project."""
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wanted(self) -> tuple[Effect, ...]:
        """Return what this worker should be doing now."""
        return next_effects(self.session.state, self.epoch, self.kinds, self.rules)

    def open_call(self, call_id: str) -> OpenCall:
        """Return a tool call that has no recorded end; raises `Unwanted` where it has."""
        call = self.session.state.call(call_id)
        if call is None:
            raise Unwanted(call_id)
        return call

    def turn_id(self) -> str:
        """Return the running turn; raises `Unwanted` where none runs."""
        if self.session.state.turn is None:
            raise Unwanted
        return self.session.state.turn.turn_id

    async def record(self, effect: Effect, make: Callable[[SessionState], Event]) -> None:
        """Append the event that `make` gives for the newest state, as long as `effect` is wanted.

        While the broker is away or full it waits and tries again with the same id: what was done
        must not be forgotten because nobody could write it down.

        Raises:
            Unwanted: the effect is not wanted any more; nothing was recorded.
        """
        event_id = self.new_id()
        pause_s = _AGAIN_FIRST_S
        async with self._one_at_a_time:
            while effect in self.wanted():
                try:
                    await self._append(make(self.session.state), event_id)
                except StaleSequence as stale:
                    await self._catch_up(stale)
                except (Unavailable, TimedOut, StorageFull):
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, _AGAIN_MOST_S)
                else:
                    return
        raise Unwanted(effect)

    async def _append(self, event: Event, event_id: str) -> None:
        state = self.session.state
        draft = Draft(
            event=event,
            event_id=event_id,
            source=self.source,
            epoch=self.epoch,
            correlation_id=getattr(event, "turn_id", None),
            causation_id=self.session.last_id,
        )
        for entry in await self.log.append(state.session_id, draft, state.head):
            self.session.absorb(entry)

    async def _catch_up(self, stale: StaleSequence) -> None:
        before = self.session.state.head
        for entry in stale.tail:
            self.session.absorb(entry)
        if self.session.state.head == before:
            await asyncio.sleep(0.02)  # the follower brings what the tail could not show yet
