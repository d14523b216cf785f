"""Where the log of all sessions ends."""

from __future__ import annotations

import json
from typing import Final

from jidoka.bus.connection import Bus
from jidoka.contract import subjects

TIMEOUT_S: Final = 5.0


async def head_of(bus: Bus) -> int:
    """Return the stream sequence of the newest event of all sessions, 0 where there is none.

    Raises:
        Unavailable, TimedOut: the broker does not say.
    """
    question = json.dumps({"last_by_subj": subjects.ALL_EVENTS}).encode()
    subject = f"$JS.API.DIRECT.GET.{subjects.EVENTS_STREAM}"
    answer = await bus.request(subject, question, TIMEOUT_S)
    return int((answer.headers or {}).get("Nats-Sequence", 0))
