"""Work that becomes a task: what became of it, and whether there is still somebody to do it."""

from __future__ import annotations

import asyncio

from jidoka.bus.outcome import begun, outcome


async def test_what_a_work_raised_is_returned():
    async def fail() -> None:
        raise KeyError

    assert isinstance(await outcome(fail(), "fails"), KeyError)


async def test_a_group_that_is_ending_is_given_nothing_more_and_nothing_is_left_unawaited():
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    async def at_the_end(tasks: asyncio.TaskGroup) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            taken.append(begun(tasks, work("late"), "late"))

    taken: list[bool] = []
    tasks = asyncio.TaskGroup()

    try:
        async with tasks:
            taken.append(begun(tasks, work("early"), "early"))
            tasks.create_task(at_the_end(tasks))
            await asyncio.sleep(0)
            raise ZeroDivisionError
    except* ZeroDivisionError:
        pass
    taken.append(begun(tasks, work("too late"), "too late"))

    assert taken == [True, False, False]
    assert done == ["early"]
