"""One attempt at a task: a session on a copy of its project, one message, and what became of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jidoka.client import Client, Recorded
from jidoka.contract import events as e
from jidoka.contract.errors import JidokaError
from tests.chaos.checker import Event
from tests.evaluation.tasks import Task

CLOSE_S = 10.0
Decide = Callable[[e.PermissionRequested], str]
"""A question → `allow` or `deny`."""


def allow(_question: e.PermissionRequested) -> str:
    """Say yes to everything: the sandbox is the boundary."""
    return "allow"


@dataclass
class Attempt:
    """What happened."""

    task: Task
    mode: str
    project: Path
    session_id: str = ""
    accepted: int = 0
    """The number that the message was recorded as."""
    log: list[Recorded] = field(default_factory=list)
    seconds: float = 0.0
    timed_out: bool = False

    @property
    def ended(self) -> e.TurnEnded | None:
        """The end of the turn."""
        return next((x for x in self.events if isinstance(x, e.TurnEnded)), None)

    @property
    def events(self) -> list[e.Event | e.UnknownEvent]:
        """All that was recorded."""
        return [item.event for item in self.log]

    @property
    def stored(self) -> list[Event]:
        """The same as the independent checker reads it."""
        return [
            Event(
                cursor=item.cursor,
                subject=f"jido.session.{item.session_id}.event.{item.envelope.name}",
                raw=item.body,
                body=json.loads(item.body),
            )
            for item in self.log
        ]

    def count(self, kind: type[e.Event]) -> int:
        """Return how many events of a kind there are."""
        return sum(isinstance(event, kind) for event in self.events)


async def attempt(
    client: Client,
    task: Task,
    project: Path,
    *,
    llm: dict[str, Any],
    mode: str = "full-auto",
    decide: Decide = allow,
    limit_s: float = 60.0,
) -> Attempt:
    """Give a task to a new session and answer its questions until the turn ends or time is up."""
    done = Attempt(task, mode, project)
    began = time.monotonic()
    done.session_id = await client.create_session(project, llm=llm, permission_mode=mode)
    try:
        done.accepted = await client.send_message(done.session_id, task.prompt)
        async with asyncio.timeout(limit_s):
            await _watch(client, done, decide)
    except TimeoutError:
        done.timed_out = True
        with suppress(JidokaError):
            await client.cancel_turn(done.session_id, "its time is over")
    finally:
        done.seconds = time.monotonic() - began
        await client.terminate_session(done.session_id, "the attempt is over")
        await _gone(client, done.session_id)
    events = client.subscribe_to_session(done.session_id, live=False, to_the_end=True)
    done.log = [item async for item in events if isinstance(item, Recorded)]
    return done


async def _watch(client: Client, done: Attempt, decide: Decide) -> None:
    async with aclosing(client.subscribe_to_session(done.session_id, live=False)) as items:
        async for item in items:
            match item:
                case Recorded(event=e.PermissionRequested() as question):
                    decision = "deny" if decide(question) == "deny" else "allow"
                    await client.answer(done.session_id, question.call_id, decision)
                case Recorded(event=e.QuestionAsked(call_id=call_id)):
                    await client.answer_question(done.session_id, call_id, done.task.answer)
                case Recorded(event=e.TurnEnded()):
                    return
                case _:
                    pass


async def _gone(client: Client, session_id: str) -> None:
    """Return when the session has ended: its folder is free, nothing of it runs."""
    async with (
        asyncio.timeout(CLOSE_S),
        aclosing(client.subscribe_to_session(session_id, live=False)) as items,
    ):
        async for item in items:
            if isinstance(item, Recorded) and isinstance(item.event, e.SessionTerminated):
                return
