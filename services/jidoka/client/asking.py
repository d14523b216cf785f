"""Commands as requests: made once, sent until there is an answer, errors as exceptions."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any, Final, cast

from jidoka.bus.connection import Bus
from jidoka.contract import subjects
from jidoka.contract.commands import CommandData
from jidoka.contract.envelope import (
    CONTENT_TYPE,
    CONTENT_TYPE_HEADER,
    Envelope,
    receive,
    type_of,
)
from jidoka.contract.errors import (
    InvalidMessage,
    JidokaError,
    TimedOut,
    Unavailable,
    UnknownError,
    from_dict,
)
from jidoka.contract.ids import uuid7
from jidoka.contract.replies import ACCEPTED, REFUSED

RETRY_S: Final = 0.1
ONE_TRY_S: Final = 5.0
HEADERS: Final = {CONTENT_TYPE_HEADER: CONTENT_TYPE}


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks the coordinator."""

    bus: Bus
    source: str
    """Who asks: with the command's id it makes a command recorded once."""
    timeout_s: float

    async def ask(self, command: CommandData, session_id: str | None = None) -> dict[str, Any]:
        """Return the data of the answer.

        The command gets its id here, so every try is the same command and is recorded once.

        Raises:
            JidokaError: what the system refuses with.
            Unavailable, TimedOut: nobody answered within the time limit.
        """
        envelope = Envelope(
            id=new_id(),
            source=self.source,
            type=type_of(command.name),
            subject=session_id,
            data=command.model_dump(mode="json", by_alias=True, exclude_unset=True),
        )
        return _opened(await self._answered(command.name, envelope.to_json()))

    async def _answered(self, name: str, body: bytes) -> Envelope:
        loop = asyncio.get_running_loop()
        until = loop.time() + self.timeout_s
        while True:
            left_s = until - loop.time()
            try:
                one_s = max(min(left_s, ONE_TRY_S), RETRY_S)
                subject = subjects.command_request(name)
                answer = await self.bus.request(subject, body, one_s, headers=HEADERS)
                return receive(answer.data, answer.headers)
            except (TimedOut, Unavailable) as problem:
                if left_s - RETRY_S <= 0:
                    raise _last_word(problem, self.timeout_s) from None
                await asyncio.sleep(RETRY_S)


def new_id() -> str:
    """Return a new UUIDv7."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def _opened(answer: Envelope) -> dict[str, Any]:
    if not isinstance(answer.data, dict):
        raise InvalidMessage.of("data", "the answer is no JSON object")
    data = cast("dict[str, Any]", answer.data)
    if answer.name == ACCEPTED:
        return data
    if answer.name == REFUSED:
        raise from_dict(data)
    raise UnknownError(original={"message": f"an answer of type {answer.type}"})


def _last_word(problem: JidokaError, timeout_s: float) -> JidokaError:
    if isinstance(problem, TimedOut):
        return TimedOut(after_s=timeout_s)
    why = f"no program answers commands (for {timeout_s:g} s); is the runtime up?"
    return Unavailable(part="jidoka", why=why) if "nobody" in str(problem) else problem
