"""Watching the turn that a message begins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jidoka.cli import results
from jidoka.cli.failing import INTERRUPTED
from jidoka.cli.reporter import Reporter
from jidoka.cli.watching import Interrupted, exit_code_of_turn, stoppable, watch_turn

if TYPE_CHECKING:
    from jidoka.client import Client


async def watch(client: Client, session_id: str, number: int, *, as_json: bool) -> int:
    """Print the turn that answers message `number`; return the exit code of its outcome."""
    reporter, begun = Reporter("json" if as_json else "text"), time.monotonic()
    try:
        async with reporter.beating(), stoppable(client, session_id):
            turn = await watch_turn(client, session_id, number, reporter.show)
    except Interrupted:
        return INTERRUPTED
    reporter.end(results.of_turn(session_id, turn, begun))
    return exit_code_of_turn(turn)
