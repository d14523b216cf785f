"""What commands that begin a turn have in common: say its number, or watch it to its end."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from jidoka.cli import results
from jidoka.cli.failing import INTERRUPTED
from jidoka.cli.prompting import Prompter, somebody_is_here, typed_lines
from jidoka.cli.reporter import Reporter
from jidoka.cli.showing import print_json
from jidoka.cli.watching import Interrupted, exit_code_of_turn, stoppable, watch_turn
from jidoka.client.items import Item
from jidoka.client.shapes import SessionView

if TYPE_CHECKING:
    from jidoka.client import Client


async def tell(client: Client, session_id: str, number: int, *, wait: bool, as_json: bool) -> int:
    """Print the number of a message or retry, or its turn; return the exit code."""
    if wait:
        return await _watch(client, session_id, number, as_json=as_json)
    if as_json:
        print_json({"session_id": session_id, "sequence": number})
    else:
        print(f"recorded as #{number}")
    return 0


async def _watch(client: Client, session_id: str, number: int, *, as_json: bool) -> int:
    """Print the turn that answers message `number`; return the exit code of its outcome."""
    reporter, begun = Reporter("json" if as_json else "text"), time.monotonic()
    prompter = Prompter(client, session_id)
    asks = somebody_is_here() and not as_json

    def show(item: Item, view: SessionView) -> None:
        reporter.show(item, view)
        if asks and (hint := prompter.hint(view)):
            print(hint, end="", flush=True)

    lines = typed_lines(prompter.take) if asks else nullcontext()
    try:
        async with reporter.beating(), stoppable(client, session_id), lines:
            turn = await watch_turn(client, session_id, number, show)
    except Interrupted:
        return INTERRUPTED
    reporter.end(results.of_turn(session_id, turn, begun))
    return exit_code_of_turn(turn)
