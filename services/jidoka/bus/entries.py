"""From a draft to the bytes of the log, and from the bytes back to an entry.

Both logs, on NATS and in memory, write and read through here, so that they store the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from jidoka.contract import subjects
from jidoka.contract.envelope import (
    CONTENT_TYPE,
    CONTENT_TYPE_HEADER,
    Envelope,
    dataschema_of,
    digest_of,
    open_stored,
    receive,
    type_of,
    utc,
)
from jidoka.contract.errors import InvalidMessage, JidokaError, LogDamaged
from jidoka.contract.events import SessionDeleted, UnknownEvent, open_event
from jidoka.core.ports import Draft, Entry, Head

STRUCTURED = {CONTENT_TYPE_HEADER: CONTENT_TYPE}
"""The headers of a CloudEvent in structured form."""
TOMBSTONE: Final = SessionDeleted.name


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as a stream holds it."""

    cursor: int
    """Its stream sequence."""
    subject: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    waiting: int = 0
    """How many more of the same filter the stream held when this one was sent."""
    missed: int = 0
    """How many before this one were dropped; always 0 but for followers that asked for it."""
    time_ns: int = 0
    """When its stream took it, of the Unix clock; 0 where nobody said."""


def sealed(session_id: str, draft: Draft, expected: Head, now_s: float) -> Envelope:
    """Return the envelope that stands right after `expected`; `now_s` is the Unix time."""
    name = draft.event.name
    return Envelope(
        id=draft.event_id,
        source=draft.source,
        type=type_of(name),
        subject=session_id,
        time=utc(now_s),
        dataschema=dataschema_of("events", name),
        sequence=f"{expected.sequence + 1:010d}",
        prevhash=expected.digest,
        epoch=draft.epoch,
        correlationid=draft.correlation_id,
        causationid=draft.causation_id,
        traceparent=draft.traceparent,
        data=draft.event.model_dump(mode="json"),
    )


def written(envelope: Envelope) -> bytes:
    """Return the bytes to store.

    Raises:
        InvalidMessage: a text in it cannot be written as UTF-8.
    """
    try:
        return envelope.to_json()
    except PydanticSerializationError:
        raise InvalidMessage.of("data", "a text holds half of a surrogate pair") from None


def by_reference(envelope: Envelope, ref: str) -> tuple[Envelope, bytes]:
    """Return the envelope with data and reference, and the bytes that hold the reference alone."""
    body = envelope.model_copy(update={"data": None, "dataref": ref}).to_json()
    return envelope.model_copy(update={"dataref": ref}), body


def head_of(stored: Stored, sequence: int) -> Head:
    """Return where the log stands with this message as its last."""
    return Head(cursor=stored.cursor, sequence=sequence, digest=digest_of(stored.body))


def opened(stored: Stored, before: Head | None = None) -> tuple[Entry, JidokaError | None]:
    """Return the entry of a stored message, and what was wrong with it if anything was.

    What cannot be read becomes an `UnknownEvent` in an envelope that says where it came from: a
    log is never ended by a message in it. With `before`, the number follows from it; without, it is
    the one that the message carries (0 where it has none).
    """
    try:
        envelope = _envelope(stored)
    except JidokaError as problem:
        return _unreadable(stored, before), problem
    counted = before is not None and envelope.name != TOMBSTONE  # what it counts on is erased
    number = before.sequence + 1 if before and counted else envelope.number
    return with_data(envelope, head_of(stored, number))


def with_data(envelope: Envelope, head: Head) -> tuple[Entry, JidokaError | None]:
    """Return the entry of an envelope whose data is in it, and what was wrong with the data."""
    try:
        event = open_event(envelope.name, envelope.version, envelope.data)
    except InvalidMessage as problem:
        return Entry(UnknownEvent(envelope.name, envelope.data), envelope, head), problem
    return Entry(event, envelope, head), None


def check_follows(entry: Entry, before: Head) -> None:
    """Raise unless `entry` is what comes right after `before` in its session.

    Raises:
        LogDamaged: numbers are missing between the two, or the bytes before are not those that
            were there when `entry` was written.
    """
    envelope = entry.envelope
    if envelope.name == TOMBSTONE:
        return  # all that is left of a deleted session
    if envelope.sequence is None:
        return  # a stranger's message in our log: counted, and its neighbours tell of any damage
    if envelope.number > before.sequence + 1:
        raise LogDamaged(first=before.sequence + 1, last=envelope.number - 1)
    if envelope.number <= before.sequence:
        raise LogDamaged(first=envelope.number, last=before.sequence)
    if envelope.prevhash != before.digest:
        raise LogDamaged(first=before.sequence, last=before.sequence)


def _envelope(stored: Stored) -> Envelope:
    try:
        return open_stored(stored.body)  # what we wrote; ten times faster than the wary reader
    except ValidationError:
        return receive(stored.body, stored.headers)


def _unreadable(stored: Stored, before: Head | None) -> Entry:
    name = subjects.name_of(stored.subject)
    envelope = Envelope(
        id=f"unreadable-{stored.cursor}",
        source="/jidoka/bus",
        type="jido.unreadable",
        subject=subjects.session_of(stored.subject),
    )
    head = head_of(stored, before.sequence + 1 if before else 0)
    return Entry(UnknownEvent(name, None), envelope, head)
