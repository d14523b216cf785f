"""A session as one file: its events as they are stored, the blobs that they name, and hashes.

    {"jidoka_export": 1, "session_id": ..., "exported_at": ...}
    {"subject": ..., "event": "the stored bytes"}                  one line an event, in order
    {"blob": sha256, "base64": ...}                                one line a blob
    {"end": {"events": n, "blobs": n, "sha256": of all lines before}}

The events keep `sequence` and `prevhash`, so each proves the one before it; the end proves that
nothing was cut off or altered on the way. It is no signature: who wrote a file vouches for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, cast

from jidoka.bus.blobs import NatsBlobs, parts_of, ref_of
from jidoka.bus.connection import Bus
from jidoka.bus.entries import Stored, check_follows, opened, with_data
from jidoka.bus.follower import Filter, read
from jidoka.contract import subjects
from jidoka.contract.errors import (
    ImportInvalid,
    InvalidMessage,
    JidokaError,
    LogDamaged,
    SessionNotFound,
    TooLarge,
    UnsupportedVersion,
)
from jidoka.contract.events import SessionCreated, SessionDeleted
from jidoka.contract.json import read_json
from jidoka.core.ports import Entry, Head

FORMAT: Final = 1
MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is imported."""
_REF = re.compile(rb"blob:([a-z0-9_-]{1,64})/([0-9a-f]{64})")


@dataclass(slots=True)
class Export:
    """A session as a file told it; everything in it was checked."""

    session_id: str
    """What it was called where it comes from."""
    entries: list[Entry] = field(default_factory=list[Entry])
    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """SHA-256 → value."""


async def export_lines(
    bus: Bus, session_id: str, exported_at: str, least: int = 0
) -> AsyncGenerator[bytes]:
    """Yield the lines of a session's export; `exported_at` is the time, as RFC 3339.

    `least` is the number of an event that is known to be there.

    Raises:
        SessionNotFound: there is none, or it was deleted. LogDamaged: a part of it is missing.
    """
    digest, count, wanted, before = hashlib.sha256(), 0, dict[str, None](), Head()
    head = {"jidoka_export": FORMAT, "session_id": session_id, "exported_at": exported_at}
    events = Filter(subjects.EVENTS_STREAM, subjects.session_events(session_id))
    async with aclosing(read(bus, events)) as messages:
        async for stored in messages:
            entry, _ = opened(stored, before)
            check_follows(entry, before)
            if isinstance(entry.event, SessionDeleted):
                raise SessionNotFound(asked=session_id)
            wanted.update(dict.fromkeys(_refs(stored.body, session_id)))
            before, count = entry.head, count + 1
            for line in (_line(head), _event(stored)) if count == 1 else (_event(stored),):
                digest.update(line)
                yield line
    if before.sequence < least:
        raise LogDamaged(first=before.sequence + 1, last=least)
    if not count:
        raise SessionNotFound(asked=session_id)
    blobs = 0
    async with aclosing(_blobs(NatsBlobs(bus), session_id, list(wanted))) as lines:
        async for line in lines:
            digest.update(line)
            blobs += 1
            yield line
    yield _line({"end": {"events": count, "blobs": blobs, "sha256": digest.hexdigest()}})


async def _blobs(blobs: NatsBlobs, session_id: str, wanted: list[str]) -> AsyncGenerator[bytes]:
    """Yield the lines of the blobs, and of those that the data of large events name."""
    seen = set(wanted)
    while wanted:
        ref = wanted.pop(0)
        value = await blobs.find(ref)
        if value is None:
            continue  # words in a message that look like a reference; a reader misses any real one
        fresh = [each for each in _refs(value, session_id) if each not in seen]
        wanted.extend(fresh)
        seen.update(fresh)
        text = base64.b64encode(value).decode()
        yield _line({"blob": parts_of(ref)[1], "base64": text})


def _refs(body: bytes, session_id: str) -> list[str]:
    found = ((owner.decode(), sha256.decode()) for owner, sha256 in _REF.findall(body))
    return [ref_of(owner, sha256) for owner, sha256 in found if owner == session_id]


def _event(stored: Stored) -> bytes:
    try:
        return _line({"subject": stored.subject, "event": stored.body.decode()})
    except UnicodeDecodeError:  # a stranger's message
        text = base64.b64encode(stored.body).decode()
        return _line({"subject": stored.subject, "base64": text})


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# --- reading ------------------------------------------------------------------------------------


def read_export(body: bytes) -> Export:
    """Return the session in a file.

    Raises:
        ImportInvalid: it was cut off, altered, or is no export; with the line.
        UnsupportedVersion: a newer build wrote it. TooLarge: more than 64 MiB.
    """
    if len(body) > MOST_BYTES:
        raise TooLarge(what="export", size_bytes=len(body), maximum_bytes=MOST_BYTES)
    lines = body.split(b"\n")
    export = Export(_session_of(_value(lines[0], 1)))
    end, blobs = _checked_end(lines, body), 0
    for number, line in enumerate(lines[1:-2], start=2):
        value = _value(line, number)
        if "blob" in value:
            blobs += 1
            _take_blob(export, value, number)
        else:
            _take_event(export, value, number)
    if (end.get("events"), end.get("blobs")) != (len(export.entries), blobs):
        raise ImportInvalid(line=len(lines) - 1, reason="it counts other lines than there are")
    export.entries = [_whole(export, entry, at) for at, entry in enumerate(export.entries, start=2)]
    if not export.entries or not isinstance(export.entries[0].event, SessionCreated):
        raise ImportInvalid(line=2, reason="it does not begin with the birth of a session")
    return export


def _value(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = read_json(line, maximum_bytes=MOST_BYTES)
    except JidokaError:
        what = "this is no export of a session" if number == 1 else "it is no JSON"
        raise ImportInvalid(line=number, reason=what) from None
    if not isinstance(value, dict):
        raise ImportInvalid(line=number, reason="no JSON object")
    return cast("dict[str, Any]", value)


def _session_of(head: dict[str, Any]) -> str:
    version, session_id = head.get("jidoka_export"), head.get("session_id")
    if not isinstance(version, int) or not isinstance(session_id, str):
        raise ImportInvalid(line=1, reason="this is no export of a session")
    if version != FORMAT:
        raise UnsupportedVersion(found=f"export {version}", supported=f"export {FORMAT}")
    return session_id


def _checked_end(lines: list[bytes], body: bytes) -> dict[str, Any]:
    end = _value(lines[-2], len(lines) - 1).get("end") if len(lines) > 2 else None  # noqa: PLR2004
    if lines[-1] or not isinstance(end, dict):
        raise ImportInvalid(line=len(lines), reason="the end is missing: it was cut off")
    before = body[: len(body) - len(lines[-2]) - 1]
    said = cast("dict[str, Any]", end)
    if said.get("sha256") != hashlib.sha256(before).hexdigest():
        raise ImportInvalid(line=len(lines) - 1, reason="it is not what was exported")
    return said


def _take_event(export: Export, value: dict[str, Any], number: int) -> None:
    before = export.entries[-1].head if export.entries else Head()
    subject, text = str(value.get("subject")), value.get("event")
    body = text.encode() if isinstance(text, str) else _bytes(value, number)
    entry, _ = opened(Stored(number, subject, body), before)
    if entry.envelope.sequence is not None and entry.envelope.subject != export.session_id:
        raise ImportInvalid(line=number, reason="an event of another session")
    try:
        check_follows(entry, before)
    except LogDamaged:
        raise ImportInvalid(line=number, reason="it does not follow the one before") from None
    export.entries.append(entry)


def _take_blob(export: Export, value: dict[str, Any], number: int) -> None:
    content, sha256 = _bytes(value, number), str(value["blob"])
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ImportInvalid(line=number, reason="a blob does not have its hash")
    export.blobs[sha256] = content


def _bytes(value: dict[str, Any], number: int) -> bytes:
    try:
        return base64.b64decode(str(value.get("base64")), validate=True)
    except (binascii.Error, ValueError):
        raise ImportInvalid(line=number, reason="no base64") from None


def _whole(export: Export, entry: Entry, number: int) -> Entry:
    """Return an entry with its data, which may be one of the blobs."""
    envelope = entry.envelope
    if envelope.dataref is None or envelope.data is not None:
        return entry
    try:
        value = export.blobs[parts_of(envelope.dataref)[1]]
        data = read_json(value, maximum_bytes=MOST_BYTES)
    except (KeyError, InvalidMessage):
        raise ImportInvalid(line=number, reason="the data of an event is missing") from None
    whole, _ = with_data(envelope.model_copy(update={"data": data}), entry.head)
    return whole
