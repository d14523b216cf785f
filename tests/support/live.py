"""Deltas as whoever reads the stream by itself gets them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from jidoka.bus import follower
from jidoka.bus.connection import Bus
from jidoka.contract import subjects
from jidoka.contract.envelope import open_stored
from jidoka.contract.live import Delta


@dataclass(frozen=True, slots=True)
class Shown:
    """A delta as a follower gets it."""

    kind: str
    delta: Delta
    epoch: int
    cursor: int
    """What to follow on from."""
    missed: int = 0
    """How many deltas before this one were dropped because the follower was too slow."""


async def deltas_of(
    bus: Bus, session_id: str, after: int = 0, most_waiting: int = 4_096
) -> AsyncGenerator[Shown]:
    """Yield the deltas of a session that are still there, then those that come, for ever."""
    lives = subjects.session_lives(session_id)
    wanted = follower.Filter(subjects.LIVE_STREAM, lives, after, most_waiting)
    async with aclosing(follower.follow(bus, wanted)) as messages:
        async for stored in messages:
            envelope = open_stored(stored.body)
            delta = Delta.model_validate(envelope.data)
            kind = stored.subject.rpartition(".")[2]
            yield Shown(kind, delta, envelope.epoch or 0, stored.cursor, stored.missed)
