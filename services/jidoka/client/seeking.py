"""Where in the stream an event of a session stands: a bookmark is searched, not kept.

The broker answers "the first message of this session at or after stream sequence n" in a fraction
of a millisecond, and every event carries its own number. So any number is found by a few questions,
each a better guess between two places that are known: without a table, with no program but the
broker, and equally well in a session of a hundred events and in one of a hundred thousand.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract import subjects
from jidoka.contract.envelope import open_stored
from jidoka.contract.errors import SessionNotFound

ASK_S: Final = 5.0
NEAR: Final = 16
"""So many events before the wanted one are read rather than searched."""
MOST_GUESSES: Final = 24
HALVED: Final = 3
"""Every so many guesses, what is left is halved."""
_DIRECT: Final = f"$JS.API.DIRECT.GET.{subjects.EVENTS_STREAM}"


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: after the event with this number."""

    sequence: int = 0
    cursor: int = 0
    """A stream sequence at or before that event."""


NOWHERE: Final = Start()


async def last(bus: Bus, session_id: str) -> Start:
    """Return where the log of a session ends.

    Raises:
        SessionNotFound: it has none.
    """
    answer = await bus.request(f"{_DIRECT}.{subjects.session_events(session_id)}", b"", ASK_S)
    headers = answer.headers or {}
    if "Nats-Sequence" not in headers:
        raise SessionNotFound(asked=session_id)
    number = _number(answer.data) or await _last_number(bus, session_id)
    return Start(number, int(headers["Nats-Sequence"]))


async def seek(bus: Bus, session_id: str, wanted: int, known: Start, end: Start) -> int:
    """Return the stream sequence of an event at or a little before number `wanted`.

    `known` is a place before it, `end` the last one. Where events without a number are in the way,
    it is the best place that was found.
    """
    low, high = known, end
    for guess in range(MOST_GUESSES):
        if wanted - low.sequence <= NEAR or high.cursor - low.cursor <= NEAR:
            break
        cursor = _guess(low, high, wanted, halve=guess % HALVED == HALVED - 1)
        found = await _first_from(bus, session_id, cursor)
        if found is None or not found.sequence:
            break
        if found.sequence <= wanted:
            low = found
        else:
            high = Start(found.sequence, cursor)  # nothing of the session is between the two
    return low.cursor


def _guess(low: Start, high: Start, wanted: int, *, halve: bool) -> int:
    """Return where the event should be, were the session's events spread evenly between the two.

    Now and then what is left is halved: events that come in bursts cannot slow the search.
    """
    span = high.cursor - low.cursor
    if halve:
        return low.cursor + span // 2
    share = (wanted - low.sequence) / max(high.sequence - low.sequence, 1)
    latest = high.cursor - (high.sequence - wanted)  # each event between takes a place
    return max(low.cursor + 1, min(low.cursor + int(span * share) - NEAR // 2, latest))


async def _first_from(bus: Bus, session_id: str, cursor: int) -> Start | None:
    """Return the session's first event at or after a stream sequence, None where there is none."""
    asked = {"seq": cursor, "next_by_subj": subjects.session_events(session_id)}
    answer = await bus.request(_DIRECT, json.dumps(asked).encode(), ASK_S)
    headers = answer.headers or {}
    if "Nats-Sequence" not in headers:
        return None
    return Start(_number(answer.data), int(headers["Nats-Sequence"]))


def _number(body: bytes) -> int:
    """Return the number that an event carries, 0 where it has none or cannot be read."""
    try:
        return open_stored(body).number
    except ValidationError:
        return 0


async def _last_number(bus: Bus, session_id: str) -> int:
    """Return the last number of a session whose log ends with a stranger's message."""
    async with aclosing(NatsEventLog(bus).read(session_id)) as entries:
        return max([entry.envelope.number async for entry in entries], default=0)
