"""What was spent: tokens and money of every model call, added up from the log itself.

An answer has its tokens and its price in its event, so this is what the log says, not a second
account of it. What a session deleted took with it is not there any more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from jidoka.bus import follower
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.client.following import recorded
from jidoka.client.items import Recorded
from jidoka.contract import subjects
from jidoka.contract.content import Status
from jidoka.contract.errors import SessionNotFound
from jidoka.contract.events import ContextCompacted, LlmResponded
from jidoka.contract.replies import SessionInfo

By = Literal["session", "owner", "model", "day", "turn"]
BYS: Final[tuple[By, ...]] = ("session", "owner", "model", "day", "turn")
_NAMED: Final[dict[str, By]] = {by: by for by in BYS}
_MOST_SESSIONS: Final = 100_000


class Sessions(Protocol):
    """The part of a client that this needs."""

    bus: Bus

    async def list_sessions(
        self, *, status: Iterable[Status | str] | None = None, limit: int = 1_000
    ) -> list[SessionInfo]:
        """Return sessions, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Spent:
    """What some model calls used."""

    key: str
    """Whose it is: a session, an owner, a model, a day (UTC) or a turn."""
    name: str = ""
    """How a person calls it."""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unmeasured: int = 0
    """Calls of which the provider did not say how many tokens they took."""
    unpriced: int = 0
    """Calls of models that have no known price; they are not in `cost_usd`."""

    def __add__(self, call: LlmResponded | ContextCompacted) -> Spent:
        """Return the sum with one call more."""
        usage = call.usage
        return replace(
            self,
            calls=self.calls + 1,
            input_tokens=self.input_tokens + (usage.input_tokens if usage else 0),
            output_tokens=self.output_tokens + (usage.output_tokens if usage else 0),
            cost_usd=self.cost_usd + (call.cost_usd or 0.0),
            unmeasured=self.unmeasured + (usage is None),
            unpriced=self.unpriced + (call.cost_usd is None),
        )


@dataclass(slots=True)
class Account:
    """Sums by one thing, and of all."""

    by: By
    sessions: Mapping[str, SessionInfo]
    rows: dict[str, Spent] = field(default_factory=dict[str, Spent])
    total: Spent = field(default_factory=lambda: Spent("total"))

    def add(self, item: Recorded) -> None:
        """Add a model call; other events change nothing."""
        call = item.event
        if not isinstance(call, LlmResponded | ContextCompacted) or not call.model:
            return
        key = self._key(item, call)
        self.rows[key] = self.rows.get(key, Spent(key, self._name(item))) + call
        self.total += call

    def _key(self, item: Recorded, call: LlmResponded | ContextCompacted) -> str:
        info = self.sessions.get(item.session_id)
        keys: Mapping[By, str] = {
            "session": item.session_id,
            "owner": info.owner if info else "",
            "model": call.model,
            "day": item.envelope.time.date().isoformat() if item.envelope.time else "",
            "turn": call.turn_id or "",
        }
        return keys[self.by]

    def _name(self, item: Recorded) -> str:
        info = self.sessions.get(item.session_id)
        return info.name if info and self.by == "session" else ""


def grouping(name: str) -> By | None:
    """Return what sums are to be by, None where they cannot be by that."""
    return _NAMED.get(name)


async def spent(
    client: Sessions, *, session_id: str | None = None, owner: str | None = None, by: By = "session"
) -> Account:
    """Return what was spent: of one session, of one owner's sessions, or of all.

    Raises:
        SessionNotFound: there is none with that id.
        Unavailable, TimedOut: the log or the list cannot be read.
    """
    known = await client.list_sessions(status=tuple(Status), limit=_MOST_SESSIONS)
    account = Account(by, {info.session_id: info for info in known})
    wanted = {info.session_id for info in known if owner is None or info.owner == owner}
    async with aclosing(_calls(client.bus, session_id)) as items:
        async for item in items:
            if owner is None or item.session_id in wanted:
                account.add(item)
    if session_id not in {None, *account.sessions} and not account.total.calls:
        raise SessionNotFound(asked=session_id or "")
    return account


async def _calls(bus: Bus, session_id: str | None) -> AsyncGenerator[Recorded]:
    """Yield all that models were paid for."""
    blobs = NatsBlobs(bus)
    for kind in (LlmResponded, ContextCompacted):
        subject = subjects.events_named(kind.name, session_id)
        wanted = follower.Filter(subjects.EVENTS_STREAM, subject)
        async with aclosing(follower.read(bus, wanted)) as stored:
            async for each in stored:
                yield await recorded(blobs, each)
