"""Commands as requests: made once, sent until there is an answer, errors as exceptions."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from jidoka.bus import requests
from jidoka.bus.connection import Bus
from jidoka.contract import subjects
from jidoka.contract.command_data import CommandData
from jidoka.contract.commands import ListSessions
from jidoka.contract.envelope import Envelope, dataschema_of, problems_of, type_of, utc
from jidoka.contract.errors import InvalidMessage, TimedOut, Unavailable
from jidoka.contract.ids import uuid7
from jidoka.contract.redacted_data import clean
from jidoka.contract.replies import SessionList

T = TypeVar("T")
RETRY_S: Final = 0.1
ONE_TRY_S: Final = 5.0
NOBODY_S: Final = 10.0
"""So long may nobody listen: a program that died is back by then."""


class _SessionsAnswer(Envelope):
    """A page of sessions, read from JSON in one go: of 1,000 that is half the work."""

    model_config = ConfigDict(defer_build=True)

    # an answer without data is none of these
    data: SessionList  # pyright: ignore[reportGeneralTypeIssues]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks the coordinator."""

    bus: Bus
    source: str
    """Who asks: with the command's id it makes a command recorded once."""
    timeout_s: float

    async def ask(self, command: CommandData, session_id: str | None = None) -> dict[str, Any]:
        """Return the data of the answer.

        Raises:
            JidokaError: what the system refuses with.
            Unavailable, TimedOut: nobody answered within the time limit.
        """
        reply = await self._reply(command, session_id, Envelope)
        if not isinstance(reply.data, dict):
            raise InvalidMessage.of("data", "the answer is no JSON object")
        return cast("dict[str, Any]", reply.data)

    async def ask_for_sessions(self, command: ListSessions) -> SessionList:
        """Return a page of sessions; raises as `ask` does."""
        reply = await self._reply(command, None, _SessionsAnswer)
        if isinstance(reply, _SessionsAnswer):
            return reply.data
        return valid(SessionList, cast("Mapping[str, Any]", reply.data))

    async def _reply(
        self, command: CommandData, session_id: str | None, shape: type[Envelope]
    ) -> Envelope:
        """Return the answer to a command, a `shape` where it fits.

        The command gets its id here, so every try is the same command and is recorded once.
        """
        envelope = Envelope(
            id=new_id(),
            source=self.source,
            type=type_of(command.name),
            subject=session_id,
            time=utc(time.time()),
            dataschema=dataschema_of("commands", command.name),
            data=self._without_secrets(command, session_id),
        )
        subject = subjects.command_request(command.name)
        return await self.answered(
            lambda timeout_s: requests.command(self.bus, subject, envelope, timeout_s, shape)
        )

    def _without_secrets(self, command: CommandData, session_id: str | None) -> Any:
        """Return what is sent: a secret that somebody types does not leave this process."""
        data = command.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return clean(data, self.bus.redactors.of(session_id or ""))

    async def answered(self, question: Callable[[float], Awaitable[T]]) -> T:
        """Return the answer to a question, which is asked again until somebody gives one."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            left_s = begun + self.timeout_s - loop.time()
            try:
                return await question(max(min(left_s, ONE_TRY_S), RETRY_S))
            except TimedOut:
                if left_s <= RETRY_S:
                    raise TimedOut(after_s=self.timeout_s) from None
            except Unavailable as problem:
                waited_s = loop.time() - begun
                if waited_s >= min(self.timeout_s, NOBODY_S) - RETRY_S:
                    why = f"{problem.why} (for {waited_s:.0f} s)"
                    raise Unavailable(part=problem.part, why=why) from None
            await asyncio.sleep(RETRY_S)


def new_id() -> str:
    """Return a new UUIDv7."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


M = TypeVar("M", bound=BaseModel)


def valid(kind: type[M], fields: Mapping[str, Any]) -> M:
    """Return the model of these fields.

    Raises:
        InvalidMessage: every problem named; nothing was sent.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as problem:
        raise InvalidMessage(problems=problems_of(problem)) from None
