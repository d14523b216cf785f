"""The worker's way to a model: ask the llm-gateway, and get an answer or a typed error.

    complete(call)              ─► jido.llm.complete            a new call
    complete(call, attach=True) ─► jido.llm.call.<id>, and if nobody listens there: the above

Whoever has the call says so every 5 s. After 15 s of silence the call is asked for again under the
same id: then it is joined, remembered, or begun anew, but never paid for twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from pydantic import TypeAdapter, ValidationError

from jidoka.contract import subjects
from jidoka.contract.content import BlobRef
from jidoka.contract.errors import JidokaError, TimedOut, Unavailable, from_dict
from jidoka.contract.internal import (
    LlmAnswer,
    LlmCall,
    LlmCancel,
    LlmFailure,
    LlmProgress,
)
from jidoka.contract.json import write_json

ACK_S: Final = 3.0
"""Until the first word, which comes at once: a question that crossed the end of a call is lost."""
SILENCE_S: Final = 15.0
WHOLE_S: Final = 900.0
"""Longer than any call may take in the gateway, its waiting included."""
NOBODY_S: Final = 0.25
"""Between two tries while no gateway listens."""
INLINE_BYTES: Final = 256 * 1024
"""Larger conversations travel as a blob."""
ANSWER_BYTES: Final = 32 * 1024 * 1024
_MOST_WAITING: Final = 1_024

NO_RESPONDERS: Final = "503"
_SILENCE: Final = "silence"
_NOBODY: Final = "nobody"

_REPLY: Final[TypeAdapter[LlmProgress | LlmAnswer | LlmFailure]] = TypeAdapter(
    LlmProgress | LlmAnswer | LlmFailure
)


class Reply(Protocol):
    """A message that came."""

    data: bytes

    @property
    def headers(self) -> dict[str, str] | None:
        """What stands before the data; a status where the broker itself answers."""
        ...


class Link(Protocol):
    """A connection to the bus."""

    def new_inbox(self) -> str:
        """Return a subject that nobody else listens to."""
        ...

    async def subscribe(
        self, subject: str, handler: Callable[[Any], Awaitable[None]], *, max_messages: int
    ) -> Any:
        """Have `handler` called with each message; return what `unsubscribe` takes."""
        ...

    async def unsubscribe(self, subscription: Any) -> None:
        """End a subscription."""
        ...

    async def publish(self, subject: str, body: bytes, *, reply: str = "") -> None:
        """Send without waiting for anybody; raises `Unavailable`, `TooLarge`."""
        ...


class Blobs(Protocol):
    """Where large values are kept."""

    async def put(self, session_id: str, value: bytes, content_type: str) -> BlobRef:
        """Keep a value and return its reference."""
        ...

    async def get(self, ref: str, maximum_bytes: int) -> bytes:
        """Return the value."""
        ...


class GatewayClient:
    """Model calls over the bus."""

    def __init__(
        self,
        link: Link,
        blobs: Blobs,
        *,
        silence_s: float = SILENCE_S,
        whole_s: float = WHOLE_S,
        patience_s: float = SILENCE_S,
    ) -> None:
        self._link = link
        self._blobs = blobs
        self._silence_s = silence_s
        self._whole_s = whole_s
        self._patience_s = patience_s

    async def complete(self, call: LlmCall, *, attach: bool = False) -> LlmAnswer:
        """Return the answer to `call`; with `attach` it may have been asked for before.

        Cancelling ends the call in the gateway too, unless a newer worker waits for it.

        Raises:
            JidokaError: what became of it, as `contract.errors` has it.
            Unavailable: no gateway is there for 15 s. TimedOut: nothing for 15 minutes.
        """
        try:
            async with asyncio.timeout(self._whole_s):
                answer = await self._talk(await self._fitted(call), attach=attach)
                return await self._whole(answer)
        except TimeoutError:
            await self._cancel(call)
            raise TimedOut(after_s=self._whole_s) from None
        except asyncio.CancelledError:
            await self._cancel(call)
            raise

    async def _cancel(self, call: LlmCall) -> None:
        with suppress(JidokaError):  # without a way to the gateway it goes on, and is remembered
            body = LlmCancel(epoch=call.epoch).model_dump_json().encode()
            await self._link.publish(subjects.llm_cancel(call.call_id), body)

    async def _talk(self, call: LlmCall, *, attach: bool) -> LlmAnswer:
        """Ask, and ask again where nobody listens or nothing is heard, until there is an answer."""
        replies: asyncio.Queue[Reply] = asyncio.Queue(_MOST_WAITING)
        inbox = self._link.new_inbox()
        subscription = await self._link.subscribe(inbox, replies.put, max_messages=_MOST_WAITING)
        alone_since: float | None = None
        again = attach
        try:
            while True:
                await self._ask(call, inbox, again=again, attach=attach)
                heard = await self._hear(replies)
                if isinstance(heard, LlmAnswer):
                    return heard
                if heard == _SILENCE:
                    again = attach = True
                    continue
                if attach:
                    attach = False
                    continue
                alone_since = await self._alone(alone_since)
        finally:
            await self._link.unsubscribe(subscription)

    async def _ask(self, call: LlmCall, inbox: str, *, again: bool, attach: bool) -> None:
        if attach:
            body = call.model_copy(update={"messages": (), "tools": ()}).model_dump_json()
            await self._link.publish(subjects.llm_call(call.call_id), body.encode(), reply=inbox)
            return
        # an attempt that failed here may have been answered there
        fresh = not again and call.attempt == 1
        body = call.model_copy(update={"fresh": fresh}).model_dump_json()
        await self._link.publish(subjects.LLM_COMPLETE, body.encode(), reply=inbox)

    async def _hear(self, replies: asyncio.Queue[Reply]) -> LlmAnswer | str:
        """Return the answer, or that nobody listens, or that nothing is heard any more."""
        wait_s = min(ACK_S, self._silence_s)
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    reply = await replies.get()
            except TimeoutError:
                return _SILENCE
            wait_s = self._silence_s
            if (reply.headers or {}).get("Status") == NO_RESPONDERS:
                return _NOBODY
            heard = _read(reply.data)
            if isinstance(heard, LlmAnswer):
                return heard
            if isinstance(heard, LlmFailure):
                raise from_dict(heard.error.model_dump())

    async def _alone(self, since: float | None) -> float:
        """Wait a moment for a gateway; raise `Unavailable` after too many of them."""
        now = asyncio.get_running_loop().time()
        if since is not None and now - since > self._patience_s:
            raise Unavailable(part="the llm-gateway", why="none is running")
        await asyncio.sleep(NOBODY_S)
        return since if since is not None else now

    async def _fitted(self, call: LlmCall) -> LlmCall:
        """Return the call with its messages in a blob where they are too large to travel."""
        body = write_json(call.messages)
        if len(body) <= INLINE_BYTES:
            return call
        blob = await self._blobs.put(call.session_id, body, "application/json")
        return call.model_copy(update={"messages": (), "messages_ref": blob.ref})

    async def _whole(self, answer: LlmAnswer) -> LlmAnswer:
        """Return the answer with its content in it."""
        if answer.content_ref is None:
            return answer
        body = await self._blobs.get(answer.content_ref, ANSWER_BYTES)
        return LlmAnswer.model_validate_json(body)


def _read(body: bytes) -> LlmProgress | LlmAnswer | LlmFailure | None:
    try:
        return _REPLY.validate_json(body)
    except ValidationError:
        return None  # a newer gateway's message: whatever it says, the answer is still to come
