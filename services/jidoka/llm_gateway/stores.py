"""Where the gateway keeps answers and shows deltas: the broker."""

from __future__ import annotations

import os
import time
from typing import Any, Final, cast

from nats.js.errors import APIError

from jidoka.bus.blobs import Blobs
from jidoka.bus.connection import Bus
from jidoka.contract import subjects
from jidoka.contract.envelope import CONTENT_TYPE, CONTENT_TYPE_HEADER, Envelope, type_of, utc
from jidoka.contract.errors import InvalidMessage, Unavailable
from jidoka.contract.ids import uuid7
from jidoka.contract.internal import LlmCall
from jidoka.contract.json import read_json
from jidoka.contract.live import Delta, LiveKind

TIMEOUT_S: Final = 5.0
MOST_MESSAGES_BYTES: Final = 32 * 1024 * 1024
_HEADERS: Final = {CONTENT_TYPE_HEADER: CONTENT_TYPE}


class BusAnswers:
    """Answers in a bucket, until they expire."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._prefix = f"$KV.{subjects.ANSWERS_BUCKET}."
        self._read = f"$JS.API.DIRECT.GET.KV_{subjects.ANSWERS_BUCKET}.{self._prefix}"

    async def get(self, call_id: str) -> bytes | None:
        """Return the answer's JSON, None where it is not remembered."""
        found = await self._bus.request(self._read + call_id, b"", TIMEOUT_S)
        return None if (found.headers or {}).get("Status") else found.data

    async def put(self, call_id: str, body: bytes) -> None:
        """Remember an answer."""
        try:
            await self._bus.store(self._prefix + call_id, body, {}, TIMEOUT_S)
        except APIError as refused:
            raise Unavailable(part="the answers", why=str(refused.description)) from None


class BusLive:
    """Deltas as CloudEvents on the session's live subjects."""

    def __init__(self, bus: Bus, source: str) -> None:
        self._bus = bus
        self._source = source

    async def publish(self, session_id: str, kind: LiveKind, delta: Delta, epoch: int) -> None:
        """Show a delta, without waiting for anybody."""
        now = time.time()
        event = Envelope(
            id=uuid7(int(now * 1000), os.urandom(10)),
            source=self._source,
            type=type_of(f"live.{kind}"),
            subject=session_id,
            time=utc(now),
            epoch=epoch,
            correlationid=delta.turn_id,
            data=delta.model_dump(),
        )
        subject = subjects.session_live(session_id, kind)
        await self._bus.publish(subject, event.to_json(), headers=_HEADERS)


class BlobMessages:
    """Messages that were too large to travel with their call."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def whole(self, call: LlmCall) -> LlmCall:
        """Return the call with its messages in it.

        Raises:
            InvalidMessage: the blob holds no list of messages, or is not of the call's session.
            Unavailable, TooLarge: it cannot be read.
        """
        reference = call.messages_ref or ""
        if not reference.startswith(f"blob:{call.session_id}/"):
            raise InvalidMessage.of("messages_ref", "must be a blob of the call's own session")
        body = await self._blobs.get(reference, MOST_MESSAGES_BYTES)
        messages = read_json(body, maximum_bytes=MOST_MESSAGES_BYTES)
        if not isinstance(messages, list):
            raise InvalidMessage.of("messages_ref", "must hold a list of messages")
        return call.model_copy(
            update={"messages": tuple(cast("list[Any]", messages)), "messages_ref": None}
        )
