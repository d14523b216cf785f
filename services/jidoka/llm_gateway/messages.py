"""Messages that were too large to travel with their call."""

from __future__ import annotations

from typing import Any, Final, cast

from jidoka.bus.blobs import Blobs
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.internal import LlmCall
from jidoka.contract.json import read_json

MOST_BYTES: Final = 32 * 1024 * 1024


class BlobMessages:
    """Messages in the object store."""

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
        body = await self._blobs.get(reference, MOST_BYTES)
        messages = read_json(body, maximum_bytes=MOST_BYTES)
        if not isinstance(messages, list):
            raise InvalidMessage.of("messages_ref", "must hold a list of messages")
        found = tuple(cast("list[Any]", messages))
        return call.model_copy(update={"messages": found, "messages_ref": None})
