"""Where the log of all sessions ends."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Final

from jidoka.bus import follower
from jidoka.bus.connection import Bus
from jidoka.contract import subjects

TIMEOUT_S: Final = 5.0


async def head_of(bus: Bus) -> int:
    """Return the stream sequence of the newest readable event of all sessions, 0 for none.

    Raises:
        Unavailable, TimedOut: the broker does not say.
    """
    question = json.dumps({"last_by_subj": subjects.ALL_EVENTS}).encode()
    subject = f"$JS.API.DIRECT.GET.{subjects.EVENTS_STREAM}"
    answer = await bus.request(subject, question, TIMEOUT_S)
    found = (answer.headers or {}).get("Nats-Sequence")
    return int(found) if found else await _last_that_can_be_read(bus)


async def _last_that_can_be_read(bus: Bus) -> int:
    """Return the same where the newest event has lost its checksum, or there never was one."""
    last, events = 0, follower.Filter(subjects.EVENTS_STREAM, subjects.ALL_EVENTS)
    async with aclosing(follower.read(bus, events)) as messages:
        async for message in messages:
            last = message.cursor
    return last
