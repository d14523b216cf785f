"""What became of a piece of work, without a broad `except`: as a task, it knows itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine


async def outcome(work: Coroutine[object, object, None], name: str) -> BaseException | None:
    """Run `work` to its end and return what it raised, None for nothing.

    When the caller is cancelled, so is the work, and its end is waited for. A work that was
    cancelled by itself gives None.
    """
    task = asyncio.create_task(work, name=name)
    try:
        await asyncio.wait({task})
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    return None if task.cancelled() else task.exception()


def begun(tasks: asyncio.TaskGroup, work: Coroutine[object, object, None], name: str) -> bool:
    """Begin `work` as a task of a group; return False where the group is ending: it takes no more.

    For what is told from outside of the group, and may be told while it ends.
    """
    try:
        tasks.create_task(work, name=name)
    except RuntimeError:  # all that asyncio says of it; it leaves the work unawaited
        work.close()
        return False
    return True
