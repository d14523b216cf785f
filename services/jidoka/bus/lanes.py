"""The durable commands of each session, applied in the stream's order.

Before each command a lane looks what the oldest is that still waits, because an earlier one may be
in the hand of a coordinator that died. What is refused for good goes to quarantine; what may be
tried again waits, and holds up nobody but its own session.

A command leaves the stream only when it was applied or stands in quarantine. Where that is not
known (a crash in between) it is applied again, and its id makes that harmless.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from nats.aio.msg import Msg
from nats.js.errors import APIError

from jidoka.bus.connection import Bus
from jidoka.bus.entries import Stored
from jidoka.bus.outcome import outcome
from jidoka.bus.quarantine import Quarantine
from jidoka.contract import subjects
from jidoka.contract.envelope import Envelope, receive
from jidoka.contract.errors import (
    Internal,
    JidokaError,
    StorageFull,
    TimedOut,
    Unavailable,
)

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 64
TRY_TIMEOUT_S: Final = 2.0
PAUSE_FIRST_S: Final = 0.1
PAUSE_MOST_S: Final = 5.0
MOST_DEFECTS: Final = 5
"""So often a command may run into a defect of ours before it goes to quarantine."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A durable command that is to be applied now."""

    session_id: str
    name: str
    """`<noun>.<verb>` of the subject."""
    envelope: Envelope
    cursor: int
    """Its place in the stream."""


Apply = Callable[[Waiting], Awaitable[None]]
"""Applies a command. What it raises decides: retryable waits, any other error is quarantine."""


@dataclass(slots=True)
class _Lane:
    """The commands of one session."""

    session_id: str
    in_hand: dict[int, Msg] = field(default_factory=dict[int, Msg])
    """What was delivered to us and not yet acknowledged, by its place."""
    done: int = 0
    """Place of the last command that is out of the way."""
    running: bool = False


class Lanes:
    """One lane a session, each a task of `tasks` while it has something to do."""

    def __init__(self, bus: Bus, apply: Apply, program: str, tasks: asyncio.TaskGroup) -> None:
        self._bus = bus
        self._apply = apply
        self._program = program
        self._tasks = tasks
        self._quarantine = Quarantine(bus)
        self._lanes: dict[str, _Lane] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    @property
    def in_hand(self) -> int:
        """How many commands were delivered and are not out of the way yet."""
        return sum(len(lane.in_hand) for lane in self._lanes.values())

    def take(self, message: Msg) -> None:
        """Put a delivered command into the lane of its session."""
        session_id = subjects.session_of(message.subject)
        if session_id is not None:
            self._lane(session_id).in_hand[_cursor(message)] = message
            self.wake(session_id)

    def wake(self, session_id: str) -> None:
        """Have the lane of a session look whether something waits."""
        lane = self._lane(session_id)
        if not lane.running:
            lane.running = True
            self._tasks.create_task(self._run(lane), name=f"inbox {session_id}")

    async def say(self, word: bytes) -> None:
        """Tell the broker of all that is in hand: `+WPI` still at work, `-NAK` given back."""
        for lane in tuple(self._lanes.values()):
            for message in tuple(lane.in_hand.values()):
                with suppress(Unavailable):
                    await self._bus.publish(message.reply, word)

    def _lane(self, session_id: str) -> _Lane:
        return self._lanes.setdefault(session_id, _Lane(session_id))

    async def _run(self, lane: _Lane) -> None:
        """Settle the session's commands one by one until none waits."""
        while (oldest := await self._oldest(lane)) is not None:
            if oldest.cursor > lane.done:
                await self._settle(oldest)
            await self._finish(lane, oldest)
        lane.running = False
        self._lanes.pop(lane.session_id, None)

    async def _oldest(self, lane: _Lane) -> Stored | None:
        """Return the oldest command of the session that still waits, None where none does."""
        wanted = subjects.session_commands(lane.session_id)
        request = json.dumps({"seq": lane.done + 1, "next_by_subj": wanted}).encode()
        subject = f"$JS.API.DIRECT.GET.{subjects.COMMANDS_STREAM}"
        while True:
            try:
                answer = await self._bus.request(subject, request, TRY_TIMEOUT_S)
            except (Unavailable, TimedOut):
                await asyncio.sleep(PAUSE_FIRST_S)
                continue
            break
        headers = answer.headers or {}
        if "Nats-Sequence" in headers:
            cursor = int(headers["Nats-Sequence"])
            return Stored(cursor, headers["Nats-Subject"], answer.data, headers)
        if not lane.in_hand:
            return None
        first = min(lane.in_hand)  # delivered again after it was done, or a replica that lags
        message = lane.in_hand[first]
        return Stored(first, message.subject, message.data, message.headers or {})

    async def _settle(self, stored: Stored) -> None:
        """Return when the command was applied or stands in quarantine."""
        pause_s, defects = PAUSE_FIRST_S, 0
        while True:
            problem = await self._applied(stored)
            if problem is None:
                return
            defect = isinstance(problem, Internal)
            defects += defect
            if not (problem.retryable or (defect and defects < MOST_DEFECTS)):
                problem = await self._put_away(stored, problem)
                if problem is None:
                    return
            log.info("%s waits: %s", stored.subject, problem)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MOST_S)

    async def _applied(self, stored: Stored) -> JidokaError | None:
        """Apply the command; return what came of it, None for success."""
        try:
            envelope = receive(stored.body, stored.headers)
        except JidokaError as problem:
            return problem
        session_id = subjects.session_of(stored.subject) or ""
        waiting = Waiting(session_id, subjects.name_of(stored.subject), envelope, stored.cursor)
        async with self._room:
            problem = await outcome(_done(self._apply(waiting)), f"apply {envelope.id}")
        if problem is None or isinstance(problem, JidokaError):
            return problem
        incident = os.urandom(4).hex()
        log.error("incident %s in %s", incident, stored.subject, exc_info=problem)
        return Internal(incident=incident)

    async def _put_away(self, stored: Stored, problem: JidokaError) -> JidokaError | None:
        """Put the command into quarantine; return why that failed, None for success."""
        try:
            await self._quarantine.put(self._program, stored, problem)
        except (StorageFull, Unavailable, TimedOut) as failure:
            return failure
        log.warning("%s went into quarantine: %s", stored.subject, problem)
        return None

    async def _finish(self, lane: _Lane, stored: Stored) -> None:
        """Take the command out of the stream."""
        lane.done = max(lane.done, stored.cursor)
        message = lane.in_hand.pop(stored.cursor, None)
        try:
            if message is not None:
                await self._bus.request(message.reply, b"+ACK", TRY_TIMEOUT_S)
            else:
                stream = subjects.COMMANDS_STREAM
                await self._bus.api(f"STREAM.MSG.DELETE.{stream}", {"seq": stored.cursor})
        except (JidokaError, APIError) as problem:
            log.info("%s may come again: %s", stored.subject, problem)


def _cursor(message: Msg) -> int:
    tokens = message.reply.split(".")
    return int(tokens[5 if len(tokens) == 9 else 7])  # noqa: PLR2004 - as in `follower`


async def _done(work: Awaitable[None]) -> None:
    await work
