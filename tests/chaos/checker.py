"""Reads what a system has recorded and says which promises it broke.

It shares no code with the product: it speaks to the stream with a plain NATS client, reads JSON,
and knows the contract's words alone.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import nats

STREAM = "JIDO_EVENTS"
BATCH = 500
ACCEPTED = "message.accepted"
ENDS = ("tool.completed", "tool.failed", "tool.interrupted", "tool.denied")
WORKERS = (
    "turn.started",
    "turn.ended",
    "llm.requested",
    "llm.responded",
    "llm.failed",
    "tool.started",
    *ENDS,
)


@dataclass
class Event:
    """A stored message: its raw bytes, and what is in it."""

    cursor: int
    subject: str
    raw: bytes
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """`<noun>.<verb>`."""
        return ".".join(self.subject.split(".")[-2:])

    @property
    def data(self) -> dict[str, Any]:
        """The payload."""
        return self.body.get("data") or {}


@dataclass
class Findings:
    """What was read, and every broken promise in a sentence."""

    sessions: dict[str, list[Event]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def count(self, name: str) -> int:
        """Return how many events of a name there are."""
        return sum(e.name == name for events in self.sessions.values() for e in events)


async def read_all(url: str) -> dict[str, list[Event]]:
    """Return the events of all sessions in the order of the stream."""
    connection = await nats.connect(url.split(","))
    try:
        stream = connection.jetstream()
        found: dict[str, list[Event]] = defaultdict(list)
        subscription = await stream.subscribe(
            "jido.session.*.event.>", stream=STREAM, ordered_consumer=True
        )
        left = (await stream.stream_info(STREAM)).state.messages
        while left > 0:
            message = await subscription.next_msg(timeout=10)
            session_id = message.subject.split(".")[2]
            cursor = message.metadata.sequence.stream
            body = json.loads(message.data)
            found[session_id].append(Event(cursor, message.subject, message.data, body))
            left -= 1
        return dict(found)
    finally:
        await connection.close()


def check(
    sessions: dict[str, list[Event]], acknowledged: dict[str, list[int]], effects: list[str]
) -> Findings:
    """Compare the logs with what clients were told and what tools did.

    `acknowledged`: the numbers of messages that were answered "recorded as #n", by session.
    `effects`: one line for each run of a command that must not run twice.
    """
    findings = Findings(sessions)
    for session_id, events in sessions.items():
        for complaint in _check_session(events):
            findings.broken.append(f"{session_id}: {complaint}")
    for session_id, numbers in acknowledged.items():
        findings.broken += _check_acknowledged(session_id, sessions.get(session_id, []), numbers)
    for line, times in Counter(effects).items():
        if times > 1:
            findings.broken.append(f"effect {line} ran {times} times")
    return findings


def _check_session(events: list[Event]) -> list[str]:
    return [
        *_check_chain(events),
        *_check_epochs(events),
        *_check_calls(events),
        *_check_turns(events),
    ]


def _check_chain(events: list[Event]) -> list[str]:
    """Numbers without a gap, each hash that of the event before, no id twice."""
    broken: list[str] = []
    before = "0" * 64
    for number, event in enumerate(events, 1):
        if event.body.get("sequence") != f"{number:010d}":
            broken.append(f"#{number} says {event.body.get('sequence')}")
        if event.body.get("prevhash") != before:
            broken.append(f"#{number} does not follow by hash")
        before = hashlib.sha256(event.raw).hexdigest()
    ids = Counter(event.body["id"] for event in events)
    broken += [f"event {event_id} stands {n} times" for event_id, n in ids.items() if n > 1]
    return broken


def _check_epochs(events: list[Event]) -> list[str]:
    """No worker speaks after a newer one was assigned."""
    broken: list[str] = []
    epoch = 0
    for event in events:
        if event.name == "worker.assigned":
            epoch = max(epoch, event.data["epoch"])
        elif event.name in WORKERS and event.body.get("epoch") != epoch:
            said = f"{event.name} {event.body.get('sequence')}"
            broken.append(f"{said} is of epoch {event.body.get('epoch')}, not {epoch}")
    return broken


def _check_calls(events: list[Event]) -> list[str]:
    """Exactly one end a call, none without a call, all before the model is asked again."""
    broken: list[str] = []
    asked: set[str] = set()
    ended: Counter[str] = Counter()
    started: set[str] = set()
    for event in events:
        if event.name == "llm.requested" and asked - ended.keys():
            broken.append(f"asked with open calls {sorted(asked - ended.keys())}")
        if event.name == "llm.responded":
            asked |= {call["call_id"] for call in event.data.get("tool_calls", [])}
        if event.name == "tool.started":
            started.add(event.data["call_id"])
        if event.name in ENDS:
            call_id = event.data["call_id"]
            ended[call_id] += 1
            if event.name == "tool.completed" and call_id not in started:
                broken.append(f"{call_id} completed without having started")
    broken += [f"{call} ended {times} times" for call, times in ended.items() if times > 1]
    broken += [f"{call} ended and nobody asked for it" for call in ended.keys() - asked]
    return broken


def _check_turns(events: list[Event]) -> list[str]:
    """A message is taken up once; a turn ends once; an answer is recorded once, and kept."""
    broken: list[str] = []
    taken: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for event in events:
        if event.name == "llm.requested" and event.data.get("call_id") in answers:
            broken.append(f"model call {event.data['call_id']} was answered and asked for again")
        if event.name == "turn.started":
            taken.update(event.data["message_ids"])
        if event.name == "turn.ended":
            ends[event.data["turn_id"]] += 1
        if event.name == "llm.responded":
            answers[event.data["call_id"]] += 1
    broken += [f"message {m} was taken up {n} times" for m, n in taken.items() if n > 1]
    broken += [f"turn {t} ended {n} times" for t, n in ends.items() if n > 1]
    broken += [f"model call {c} was answered {n} times" for c, n in answers.items() if n > 1]
    return broken


def _check_acknowledged(session_id: str, events: list[Event], numbers: list[int]) -> list[str]:
    """What a client was told is recorded as #n stands there, and no message stands twice."""
    names = {int(event.body.get("sequence", 0)): event.name for event in events}
    broken = [
        f"{session_id}: acknowledged #{n} is lost" for n in numbers if names.get(n) != ACCEPTED
    ]
    ids = Counter(event.data.get("message_id") for event in events if event.name == ACCEPTED)
    broken += [f"{session_id}: message {i} is there {n} times" for i, n in ids.items() if n > 1]
    return broken


def unfinished(sessions: dict[str, list[Event]]) -> list[str]:
    """Return what is left open in logs of which all turns are said to be at their end."""
    broken: list[str] = []
    for session_id, events in sessions.items():
        messages = _ids(events, ACCEPTED, "message_id") - _taken(events)
        turns = _ids(events, "turn.started", "turn_id") - _ids(events, "turn.ended", "turn_id")
        ended = set[str]().union(*(_ids(events, name, "call_id") for name in ENDS))
        asked = {
            call["call_id"]
            for event in events
            if event.name == "llm.responded"
            for call in event.data.get("tool_calls", [])
        }
        broken += [f"{session_id}: message {each} was never taken up" for each in messages]
        broken += [f"{session_id}: turn {each} has no end" for each in turns]
        broken += [f"{session_id}: {each} has no end" for each in asked - ended]
    return broken


def _ids(events: list[Event], name: str, field_name: str) -> set[str]:
    return {event.data[field_name] for event in events if event.name == name}


def _taken(events: list[Event]) -> set[str]:
    names = ("turn.started", "llm.requested")
    return {m for event in events if event.name in names for m in event.data.get("message_ids", [])}
