"""Waiting for the end of a request that was recorded: no longer than the caller likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

from jidoka.client.items import Item, Recorded
from jidoka.contract import events as e
from jidoka.contract.errors import SessionTerminated, Unavailable

END_S: Final = 600.0
"""So long is the end of a request waited for: a large folder is put back, a summary is written."""
E = TypeVar("E", bound=e.EventData)


async def end_of(
    following: AsyncGenerator[Item], number: int, ends: tuple[type[E], ...], timeout_s: float
) -> E:
    """Return the first event that is one of `ends` of what follows request `number`.

    Raises:
        SessionTerminated: the session ended before.
        Unavailable: no end came for `timeout_s` seconds; the request stays recorded.
    """
    try:
        async with asyncio.timeout(timeout_s), aclosing(following) as items:
            async for item in items:
                event = item.event if isinstance(item, Recorded) else None
                if isinstance(event, ends):
                    return event
                if isinstance(event, e.SessionTerminated):
                    raise SessionTerminated(session_id=item.session_id, reason=event.reason)
    except TimeoutError:
        raise Unavailable(part=f"the end of request #{number}", why=_goes_on(timeout_s)) from None
    raise Unavailable(part="the session", why="its events ended")


def _goes_on(timeout_s: float) -> str:
    return (
        f"none came for {timeout_s:g} s. The request is recorded, and done when a worker can: "
        "do not ask again, follow the session"
    )
