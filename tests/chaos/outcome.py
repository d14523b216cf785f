"""Work under load while something breaks, and the line that says what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.checker import Findings
from tests.chaos.load import Load


async def under_load(load: Load, breaking: Callable[[], Awaitable[int]]) -> int:
    """Talk in all sessions while `breaking` runs; return what it counted."""
    talking = asyncio.create_task(load.run())
    counting = asyncio.ensure_future(breaking())
    try:
        await asyncio.wait({talking, counting}, return_when=asyncio.FIRST_COMPLETED)
        if talking.done():
            talking.result()  # it says why it ended before its time
        return await counting
    finally:
        counting.cancel()
        load.stopping = True
        await talking


def report(count: list[str], what: str, broken: int, load: Load, findings: Findings) -> None:
    """Add the line of a test to the summary."""
    said = sum(talk.said for talk in load.talks)
    ran = sum(len(talk.effects) for talk in load.talks)
    twice = ran - sum(len(set(talk.effects)) for talk in load.talks)
    interrupted = findings.count("tool.interrupted")
    count.append(
        f"{what}: {broken} | turns {said} | commands run {ran}, twice {twice}, "
        f"interrupted {interrupted} | broken promises {len(findings.broken)}"
    )
