"""Quarantine: what could not be read or applied, as it came, with the reason beside it.

A message in JIDO_DLQ has the body and the headers of the original; what is known of its failure
stands in further headers, `jidoka-…`. So anybody can read it, and send it again unchanged.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, cast

from nats.js.errors import APIError

from jidoka.bus import follower
from jidoka.bus.connection import Bus
from jidoka.bus.entries import Stored
from jidoka.bus.refusals import raised
from jidoka.contract import subjects
from jidoka.contract.errors import InvalidMessage, JidokaError, NotInQuarantine
from jidoka.contract.json import read_json, write_json

TIMEOUT_S: Final = 5.0
MOST_REASON_BYTES: Final = 8 * 1024
PAGE: Final = 100
_CODE: Final = "jidoka-code"
_REASON: Final = "jidoka-reason"
_SUBJECT: Final = "jidoka-subject"
_CURSOR: Final = "jidoka-cursor"
_COMMAND: Final = ".command."


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message in quarantine."""

    number: int
    """By which it is shown, sent again or dropped."""
    program: str
    """Which program could do nothing with it."""
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


class Quarantine:
    """The messages that programs have put away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, program: str, original: Stored, error: JidokaError) -> None:
        """Put a message away; the same one twice (within two minutes) is one.

        Raises:
            StorageFull, Unavailable, TimedOut: it is not there, or that is unknown.
        """
        headers = _kept(original.headers) | {
            _CODE: error.code,
            _REASON: _reason(error),
            _SUBJECT: original.subject,
            _CURSOR: str(original.cursor),
        }
        if original.cursor:
            headers["Nats-Msg-Id"] = f"{original.subject} {original.cursor} {error.code}"
        try:
            await self._bus.store(subjects.dlq(program), original.body, headers, TIMEOUT_S)
        except APIError as refused:
            raise raised(refused, subjects.DLQ_STREAM, len(original.body)) from None

    async def list(
        self, program: str | None = None, after: int = 0, limit: int = PAGE
    ) -> tuple[Quarantined, ...]:
        """Return what is there after the number `after`, oldest first, at most `limit`."""
        found: list[Quarantined] = []
        async with aclosing(self._read(program, after)) as messages:
            async for stored in messages:
                if len(found) == limit:
                    break
                found.append(_quarantined(stored))
        return tuple(found)

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
        return _quarantined(Stored(number, headers["Nats-Subject"], answer.data, headers))

    async def redrive(self, number: int) -> str:
        """Send a durable command again, as it came, and return its subject; it leaves quarantine.

        If this dies in between, it is sent twice: a command is recorded once for its id.

        Raises:
            NotInQuarantine: there is none of this number.
            InvalidMessage: it was no durable command, so there is nowhere to send it.
            StorageFull, Unavailable, TimedOut: it stays where it is.
        """
        found = await self.show(number)
        if subjects.session_of(found.subject) is None or _COMMAND not in found.subject:
            raise InvalidMessage.of("number", "only durable commands can be sent again")
        try:
            await self._bus.store(found.subject, found.body, found.headers, TIMEOUT_S)
        except APIError as refused:
            raise raised(refused, subjects.COMMANDS_STREAM, len(found.body)) from None
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

    def _read(self, program: str | None, after: int) -> AsyncGenerator[Stored]:
        subject = subjects.dlq(program) if program else subjects.ALL_DLQ
        return follower.read(self._bus, follower.Filter(subjects.DLQ_STREAM, subject, after))


def _kept(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that are the sender's own: not the broker's, and not ours."""
    return {
        key: value
        for key, value in headers.items()
        if not key.lower().startswith(("nats-", "jidoka-"))
    }


def _reason(error: JidokaError) -> str:
    text = write_json(error.as_dict())
    if len(text) > MOST_REASON_BYTES:
        text = write_json(error.as_dict() | {"details": {}, "message": error.message[:1_000]})
    return text.decode()


def _quarantined(stored: Stored) -> Quarantined:
    headers = stored.headers
    return Quarantined(
        number=stored.cursor,
        program=stored.subject.rpartition(".")[2],
        subject=headers.get(_SUBJECT, ""),
        cursor=int(headers.get(_CURSOR, "0") or 0),
        code=headers.get(_CODE, ""),
        error=_error(headers.get(_REASON, "{}")),
        headers=_kept(headers),
        body=stored.body,
    )


def _error(text: str) -> dict[str, Any]:
    try:
        value = read_json(text.encode())
    except InvalidMessage:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
