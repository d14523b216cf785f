"""Quarantine: what could not be read or applied, as it came, with the reason beside it.

A message in JIDO_DLQ has the body and the headers of the original; what is known of its failure
stands in further headers, `jidoka-…`. So anybody can read it, and send it again unchanged. Of what
is larger than any command may be, the beginning is kept: it must not fill the quarantine, nor be
more than the broker takes together with the reason, or its queue would wait for ever.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from nats.js.errors import APIError

from jidoka.bus import follower
from jidoka.bus.connection import Bus
from jidoka.bus.entries import Stored
from jidoka.bus.refusals import command_raised, raised
from jidoka.bus.secrets import without_secrets
from jidoka.contract import subjects
from jidoka.contract.errors import InvalidMessage, JidokaError, NotInQuarantine
from jidoka.contract.json import MAX_MESSAGE_BYTES, read_json, write_json

TIMEOUT_S: Final = 5.0
MOST_REASON_BYTES: Final = 8 * 1024
MOST_HEADER_BYTES: Final = 16 * 1024
"""With ours they have to fit into the 64 KiB that JetStream takes."""
_AROUND_BYTES: Final = MOST_REASON_BYTES + MOST_HEADER_BYTES + 8 * 1024
PAGE: Final = 100
_CODE: Final = "jidoka-code"
_REASON: Final = "jidoka-reason"
_SUBJECT: Final = "jidoka-subject"
_CURSOR: Final = "jidoka-cursor"
_SIZE: Final = "jidoka-size"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SESSIONS: Final = "jido.session."
_REQUESTS: Final = "jido.command."


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message in quarantine."""

    number: int
    """By which it is shown, sent again or dropped."""
    program: str
    """Which program could do nothing with it."""
    time: datetime
    """When it was put away, by the broker's clock."""
    subject: str
    """Where it came from."""
    cursor: int
    """Its sequence in the stream it came from, 0 where it came from none."""
    code: str
    error: dict[str, Any]
    """The whole error: `{code, message, retryable, details}`."""
    headers: dict[str, str]
    """Those of the original."""
    body: bytes
    size_bytes: int
    """Of the original's body: more than is here where only the beginning was kept."""

    @property
    def whole(self) -> bool:
        """Whether all of it is here."""
        return self.size_bytes == len(self.body)

    @property
    def session_id(self) -> str | None:
        """Whose it is, None for what belongs to no session."""
        return subjects.session_of(self.subject)

    @property
    def what(self) -> str:
        """What it was: `command message.submit`, `request session.list`, `event turn.ended`."""
        kind = _kind(self.subject)
        return f"{kind} {subjects.name_of(self.subject)}" if kind else self.subject


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is in quarantine."""

    messages: int
    last: int
    """The number of the newest message that was ever there, of whatever program."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages are asked for; what is None does not matter."""

    program: str | None = None
    session_id: str | None = None
    code: str | None = None

    def fits(self, message: Quarantined) -> bool:
        """Tell whether this is one of them."""
        return (self.session_id is None or self.session_id == message.session_id) and (
            self.code is None or self.code == message.code
        )

    @property
    def filter(self) -> str:
        """The subjects that they stand on.

        Raises:
            InvalidMessage: no program has such a name.
        """
        if self.program is None:
            return subjects.ALL_DLQ
        try:
            return subjects.dlq(self.program)
        except ValueError:
            raise InvalidMessage.of("program", "letters, digits, - and _ only") from None


class Quarantine:
    """The messages that programs have put away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, program: str, original: Stored, error: JidokaError) -> None:
        """Put a message away; the same one twice (within two minutes) is one.

        Raises:
            StorageFull, Unavailable, TimedOut: it is not there, or that is unknown.
        """
        most, size = self._most_body_bytes(), len(original.body)
        original, redactor = without_secrets(original, self._bus.redactors, most)
        headers = _bounded(_kept(original.headers)) | {
            _CODE: error.code,
            _REASON: redactor.text(_reason(error))[0],
            _SUBJECT: original.subject,
            _CURSOR: str(original.cursor),
            _SIZE: str(size if size > most else len(original.body)),
        }
        if original.cursor:
            headers["Nats-Msg-Id"] = f"{original.subject} {original.cursor} {error.code}"
        try:
            await self._bus.store(subjects.dlq(program), original.body, headers, TIMEOUT_S)
        except APIError as refused:
            raise raised(refused, subjects.DLQ_STREAM, size) from None

    async def list(
        self, wanted: Wanted | None = None, after: int = 0, limit: int = PAGE
    ) -> tuple[Quarantined, ...]:
        """Return what is there after the number `after`, oldest first, at most `limit`."""
        wanted, found = wanted or Wanted(), list[Quarantined]()
        async with aclosing(self._read(wanted, after)) as messages:
            async for stored in messages:
                if len(found) == limit:
                    break
                message = _quarantined(
                    stored, _EPOCH + timedelta(microseconds=stored.time_ns // 1000)
                )
                if wanted.fits(message):
                    found.append(message)
        return tuple(found)

    async def extent(self, program: str | None = None) -> Extent:
        """Return how many messages are there, those of one program or all.

        Raises:
            Unavailable, TimedOut: the broker does not answer, or has no quarantine yet.
        """
        request = {"subjects_filter": Wanted(program).filter}
        try:
            info = await self._bus.api(f"STREAM.INFO.{subjects.DLQ_STREAM}", request)
        except APIError as refused:
            raise raised(refused, subjects.DLQ_STREAM, 0) from None
        counts: dict[str, int] = info["state"].get("subjects") or {}
        return Extent(sum(counts.values()), int(info["state"]["last_seq"]))

    async def show(self, number: int) -> Quarantined:
        """Return one message.

        Raises:
            NotInQuarantine: there is none of this number.
        """
        request = write_json({"seq": number})
        subject = f"$JS.API.DIRECT.GET.{subjects.DLQ_STREAM}"
        answer = await self._bus.request(subject, request, TIMEOUT_S)
        headers = answer.headers or {}
        if number < 1 or "Nats-Sequence" not in headers:
            raise NotInQuarantine(number=number)
        stored = Stored(number, headers["Nats-Subject"], answer.data, headers)
        return _quarantined(stored, datetime.fromisoformat(headers["Nats-Time-Stamp"]))

    async def redrive(self, number: int) -> str:
        """Send a durable command again, as it came, and return its subject; it leaves quarantine.

        If this dies in between, it is sent twice: a command is recorded once for its id.

        Raises:
            NotInQuarantine: there is none of this number.
            InvalidMessage: it was no durable command, so there is nowhere to send it.
            InboxFull, StorageFull, Unavailable, TimedOut: it stays where it is.
        """
        found = await self.show(number)
        if _kind(found.subject) != "command":
            reason = f"{number} was no durable command but: {found.what}. Only those are sent again"
            raise InvalidMessage.of("number", reason)
        if not found.whole:
            raise InvalidMessage.of("number", f"of {number} only the beginning was kept")
        try:
            await self._bus.store(found.subject, found.body, found.headers, TIMEOUT_S)
        except APIError as refused:
            stream = subjects.COMMANDS_STREAM
            raise command_raised(refused, stream, len(found.body)) from None
        await self.drop(number)
        return found.subject

    async def drop(self, number: int) -> None:
        """Erase one message.

        Raises:
            NotInQuarantine: there is none of this number.
        """
        await self.show(number)
        try:
            await self._bus.api(f"STREAM.MSG.DELETE.{subjects.DLQ_STREAM}", {"seq": number})
        except APIError:
            raise NotInQuarantine(number=number) from None

    async def clear(self, last: int, program: str | None = None) -> int:
        """Erase all up to the number `last`, those of one program or all; return how many."""
        request = {"filter": Wanted(program).filter, "seq": last + 1}
        try:
            answer = await self._bus.api(f"STREAM.PURGE.{subjects.DLQ_STREAM}", request)
        except APIError as refused:
            raise raised(refused, subjects.DLQ_STREAM, 0) from None
        return int(answer["purged"])

    def _most_body_bytes(self) -> int:
        return max(0, min(MAX_MESSAGE_BYTES, self._bus.client.max_payload - _AROUND_BYTES))

    def _read(self, wanted: Wanted, after: int) -> AsyncGenerator[Stored]:
        place = follower.Filter(subjects.DLQ_STREAM, wanted.filter, after)
        return follower.read(self._bus, place)


def _kind(subject: str) -> str | None:
    """Return `command` for a durable one, `request`, `event`, or None for anything else."""
    if subject.startswith(_REQUESTS):
        return "request"
    kind = subject.split(".")[3:4] if subject.startswith(_SESSIONS) else []
    return kind[0] if kind in (["command"], ["event"]) else None


def _kept(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that are the sender's own: not the broker's, and not ours."""
    return {
        key: value
        for key, value in headers.items()
        if not key.lower().startswith(("nats-", "jidoka-"))
    }


def _bounded(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers, or none where they are more than a command's are."""
    size_bytes = sum(len(f"{key}: {value}\r\n".encode()) for key, value in headers.items())
    return headers if size_bytes <= MOST_HEADER_BYTES else {}


def _reason(error: JidokaError) -> str:
    text = write_json(error.as_dict())
    if len(text) > MOST_REASON_BYTES:
        text = write_json(error.as_dict() | {"details": {}, "message": error.message[:1_000]})
    return text.decode()


def _quarantined(stored: Stored, time: datetime) -> Quarantined:
    headers = stored.headers
    return Quarantined(
        number=stored.cursor,
        program=stored.subject.rpartition(".")[2],
        time=time,
        subject=headers.get(_SUBJECT, ""),
        cursor=int(headers.get(_CURSOR, "0") or 0),
        code=headers.get(_CODE, ""),
        error=_error(headers.get(_REASON, "{}")),
        headers=_kept(headers),
        body=stored.body,
        size_bytes=int(headers.get(_SIZE, "") or len(stored.body)),
    )


def _error(text: str) -> dict[str, Any]:
    try:
        value = read_json(text.encode())
    except InvalidMessage:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
