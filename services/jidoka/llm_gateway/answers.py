"""Finished answers by call id: what was paid for once is not paid for again."""

from __future__ import annotations

import logging
from typing import Final

from pydantic import ValidationError

from jidoka.bus.blobs import Blobs
from jidoka.bus.buckets import Keep
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import LlmAnswer

log = logging.getLogger(__name__)

INLINE_BYTES: Final = 256 * 1024
"""Larger answers are kept as a blob, and travel as a reference to it."""


class Answers:
    """The memory of the gateway; where it fails, the answer still goes to who asked."""

    def __init__(self, store: Keep, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    async def recall(self, call_id: str) -> LlmAnswer | None:
        """Return the answer that was given to this call before, None for none."""
        try:
            body = await self._store.get(call_id)
            return LlmAnswer.model_validate_json(body) if body else None
        except (JidokaError, ValidationError) as problem:
            log.warning("a remembered answer cannot be read: %s", type(problem).__name__)
            return None

    async def fitted(self, session_id: str, answer: LlmAnswer) -> bytes:
        """Return the JSON of an answer that fits a message, its content in a blob if need be.

        Raises:
            JidokaError: the blob cannot be stored.
        """
        body = answer.model_dump_json().encode()
        if len(body) <= INLINE_BYTES:
            return body
        blob = await self._blobs.put(session_id, body, "application/json")
        small = answer.model_copy(
            update={"content": "", "reasoning": "", "tool_calls": (), "content_ref": blob.ref}
        )
        return small.model_dump_json().encode()

    async def remember(self, call_id: str, body: bytes) -> None:
        """Keep a fitted answer; a failure to do so is only logged."""
        try:
            await self._store.put(call_id, body)
        except JidokaError as problem:
            log.warning("an answer cannot be remembered: %s", problem.code)
