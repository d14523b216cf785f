"""What a log comes to, said in the contract's words: what must stay the same in later code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jidoka.contract.envelope import GENESIS, digest_of, open_stored
from jidoka.contract.events import open_event
from jidoka.core.ports import Entry, Head
from jidoka.core.session import fold
from jidoka.core.transcript import Transcript


def entries(bodies: Iterable[bytes]) -> list[Entry]:
    """Return the entries of stored bodies; the chain of hashes has to hold."""
    found: list[Entry] = []
    before = GENESIS
    for cursor, body in enumerate(bodies, 1):
        envelope = open_stored(body)
        assert envelope.prevhash == before, f"#{cursor} does not follow"
        before = digest_of(body)
        event = open_event(envelope.name, envelope.version, envelope.data)
        found.append(Entry(event, envelope, Head(cursor, cursor, before)))
    return found


def summary(bodies: Iterable[bytes]) -> dict[str, Any]:
    """Return what a person would know of the session."""
    log = entries(bodies)
    state, transcript = fold(log), Transcript()
    for entry in log:
        transcript.add(entry)
    return {
        "status": state.status,
        "reason": state.end_reason,
        "name": state.name,
        "model": state.llm.full_name.rpartition("/")[2],
        "permission_mode": state.permission_mode,
        "epoch": state.epoch,
        "messages": state.totals.messages,
        "turns": state.totals.turns,
        "usage": state.totals.usage and state.totals.usage.model_dump(),
        "cost_usd": state.totals.cost_usd,
        "commands": len(state.recorded),
        "events": state.head.sequence,
        "conversation": transcript.messages(),
    }
