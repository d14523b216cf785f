"""Watching one turn to its end: printed as it goes, stopped by Ctrl+C, never waited for in vain."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from jidoka.cli.failing import INTERRUPTED, TURN_FAILED, exit_code_of
from jidoka.client.items import Item, Recorded
from jidoka.client.shapes import Call, SessionView, TurnView
from jidoka.client.view import see
from jidoka.contract.errors import (
    JidokaError,
    SessionTerminated,
    TimedOut,
    Unavailable,
    from_dict,
)
from jidoka.contract.events import (
    Event,
    MessageAccepted,
    TurnEnded,
    TurnRetryRequested,
    TurnUndoRefused,
    TurnUndoRequested,
    UnknownEvent,
)
from jidoka.contract.events import SessionTerminated as Ended

if TYPE_CHECKING:
    from jidoka.client import Client

LOOK_S: Final = 5.0
CANCEL_AGAIN_S: Final = 0.1
PATIENCE_S: Final = 30.0
"""So long may the broker be away; then the command ends, the turn goes on without it."""
DENIED: Final = 6
NO_MODEL: Final = 7
LIMIT: Final = 8
TOLD_APART: Final = frozenset({DENIED, NO_MODEL, LIMIT})
"""Exit codes of errors that say more than that the turn failed."""
Show = Callable[[Item, SessionView], None]


class Interrupted(Exception):  # noqa: N818 - no defect: a person asked twice to leave
    """Ctrl+C was pressed twice."""


async def watch_turn(
    client: Client, session_id: str, number: int, show: Show, *, after: int | None = None
) -> TurnView:
    """Return the turn that answers message or retry `number`, after it has ended.

    `show` sees each item after number `after`, by default from that message on.

    Raises:
        SessionTerminated: the session ended before. Unavailable: the broker stayed away.
        LogDamaged: it came back without a part of the log, so that the turn never ends.
    """
    view, asked, turn_id = SessionView(session_id=session_id), None, None
    first = number - 1 if after is None else after
    following = client.subscribe_to_session(session_id, after=first)
    async with aclosing(_patient(client, session_id, following)) as items:
        async for item in items:
            view = see(view, item)
            show(item, view)
            if not isinstance(item, Recorded):
                continue
            if item.sequence == number:
                asked = _asked_by(item.event)
            if isinstance(item.event, TurnUndoRefused):
                raise from_dict(item.event.error.model_dump())
            if isinstance(item.event, Ended):
                raise SessionTerminated(session_id=session_id, reason=item.event.reason)
            if turn_id is None:
                turn_id = _turn_of(view, asked)
            if isinstance(item.event, TurnEnded) and item.event.turn_id == turn_id:
                return next(turn for turn in view.turns if turn.turn_id == turn_id)
    raise Unavailable(part="the session", why="its events ended")


async def _patient(
    client: Client, session_id: str, following: AsyncGenerator[Item]
) -> AsyncGenerator[Item]:
    """Yield the items; give up when the broker was away for too long, or lost what is awaited."""
    seen, connection = time.monotonic(), client.bus.connection
    waiting: asyncio.Task[Item] | None = None
    try:
        while True:
            waiting = waiting or asyncio.create_task(anext(following), name="next item")
            done, _ = await asyncio.wait({waiting}, timeout=LOOK_S)
            if client.bus.is_up:
                seen = time.monotonic()
            if done:
                item, waiting = waiting.result(), None
                yield item
            elif time.monotonic() - seen > PATIENCE_S:
                raise Unavailable(part="the broker", why=f"away for {PATIENCE_S:g} s")
            elif client.bus.is_up and client.bus.connection != connection:
                await _check(client, session_id)
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await following.aclose()


async def _check(client: Client, session_id: str) -> None:
    """Raise what keeps a session from ever going on; who does not answer yet is asked again."""
    with suppress(Unavailable, TimedOut):
        info = await client.get_session_info(session_id)
        if info.degraded and info.error is not None:
            raise from_dict(info.error.model_dump())


def _asked_by(event: Event | UnknownEvent) -> str | None:
    """Return what the turn will be known by: the message that it answers, or the turn before."""
    match event:
        case MessageAccepted(message_id=message_id):
            return message_id
        case TurnRetryRequested(turn_id=turn_id) | TurnUndoRequested(turn_ids=(turn_id,)):
            return turn_id
        case _:
            return None


def _turn_of(view: SessionView, asked: str | None) -> str | None:
    for turn in reversed(view.turns):
        if asked in (turn.retry_of, *(message.message_id for message in turn.messages)):
            return None if asked is None else turn.turn_id
    return None


@asynccontextmanager
async def stoppable(client: Client, session_id: str) -> AsyncGenerator[None]:
    """Let the first Ctrl+C cancel the turn and the second leave at once.

    Raises:
        Interrupted: the second.
    """
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    me = asyncio.current_task()
    tasks: set[asyncio.Task[None]] = set()

    def interrupt() -> None:
        if asked.is_set():
            if me is not None:
                me.cancel()
            return
        asked.set()
        print("\nstopping the turn; Ctrl+C again leaves it", file=sys.stderr)
        tasks.add(asyncio.create_task(_cancel(client, session_id), name="cancel the turn"))

    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, interrupt)
    try:
        yield
    except asyncio.CancelledError:
        if me is not None and asked.is_set():
            me.uncancel()  # it was our own, and it ends here
            raise Interrupted from None
        raise
    finally:
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(signum)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _cancel(client: Client, session_id: str) -> None:
    """Stop the turn, also one that has yet to begin; whoever watches it ends this."""
    while True:
        with suppress(JidokaError):
            await client.cancel_turn(session_id, "interrupted on the command line")
            return
        await asyncio.sleep(CANCEL_AGAIN_S)


def exit_code_of_turn(turn: TurnView) -> int:
    """Return what `run` exits with: by outcome, and 6 when a call wanted a person."""
    match turn.outcome:
        case "completed":
            calls = [entry for entry in turn.entries if isinstance(entry, Call)]
            return DENIED if any(call.denied_by == "default" for call in calls) else 0
        case "cancelled":
            return INTERRUPTED
        case "budget" | "step_limit":
            return LIMIT
        case _:
            code = exit_code_of(turn.error.code) if turn.error else TURN_FAILED
            return code if code in TOLD_APART else TURN_FAILED
