"""What a person sees of a session now: its whole log, folded once."""

from __future__ import annotations

from contextlib import aclosing

from jidoka.bus.connection import Bus
from jidoka.client.following import Wanted, follow
from jidoka.client.shapes import SessionView
from jidoka.client.view import see


async def view_of(bus: Bus, session_id: str) -> SessionView:
    """Return the view of a session as of its last event, without deltas.

    Raises:
        SessionNotFound; Unavailable: its log could not be read to the end.
    """
    view = SessionView(session_id=session_id)
    async with aclosing(follow(bus, session_id, Wanted(0, live=False, to_the_end=True))) as items:
        async for item in items:
            view = see(view, item)
    return view
