"""The shell of a session's worker: it keeps what runs equal to what the log says should run.

Every effect ends by recording an event, and only that event makes it unwanted. So a cancelled
turn, a late answer and a restart need no code here: the fold changes, the running set follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from jidoka.agent.recorder import Recorder
from jidoka.agent.session import LiveSession
from jidoka.agent.snapshots import SnapshotKeeper
from jidoka.core.effects import Effect
from jidoka.core.ports import EventLog
from jidoka.core.state import AT_REST

Perform = Callable[[Effect], Awaitable[None]]

_CLEAN_UP_S = 10.0
_CLEAN_UP_TRIES = 5


async def work(
    recorder: Recorder,
    perform: Perform,
    snapshots: SnapshotKeeper,
    on_live: Callable[[], Awaitable[None]],
) -> str:
    """Serve one session until it needs no worker any more; return why.

    `on_live` is called once the log is folded up to the worker's assignment.
    """
    session = recorder.session
    if recorder.epoch > 1:
        await snapshots.restore()
    async with asyncio.TaskGroup() as tasks:
        follower = tasks.create_task(_follow(recorder.log, session), name="follow")
        try:
            await _assigned(session, recorder.epoch)
            await on_live()
            reason = await _keep_equal(recorder, perform, snapshots, tasks)
        finally:
            await _end([follower])
    if reason in AT_REST:
        await snapshots.keep()
    return reason


async def _follow(log: EventLog, session: LiveSession) -> None:
    async for entry in log.follow(session.state.session_id, session.state.head):
        session.absorb(entry)


async def _assigned(session: LiveSession, epoch: int) -> None:
    """Return when the log is folded up to this worker's assignment: a replay performs nothing.

    No event of a former worker stands behind it, since the assignment fences them.
    """
    while session.state.epoch < epoch and not session.leaving:
        await session.change()


async def _keep_equal(
    recorder: Recorder, perform: Perform, snapshots: SnapshotKeeper, tasks: asyncio.TaskGroup
) -> str:
    session = recorder.session
    running: dict[Effect, asyncio.Task[None]] = {}
    try:
        while not (reason := _no_longer_needed(session, recorder.epoch)):
            await _end([running.pop(effect) for effect in _unwanted(running, recorder)])
            for effect in recorder.wanted():
                if effect not in running or running[effect].done():
                    name = type(effect).__name__
                    running[effect] = tasks.create_task(_performed(perform, effect), name=name)
            if snapshots.is_due():
                await snapshots.keep()
            await session.change()
        return reason
    finally:
        await _end(list(running.values()))


def _unwanted(running: dict[Effect, asyncio.Task[None]], recorder: Recorder) -> list[Effect]:
    wanted = recorder.wanted()
    return [effect for effect in running if effect not in wanted]


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """End tasks and see them gone: a tool's processes must be before its end is recorded.

    Asked more than once, since libraries are known to swallow a cancellation.
    """
    left = set(tasks)
    for _ in range(_CLEAN_UP_TRIES):
        for task in left:
            task.cancel()
        if not left:
            return
        _, left = await asyncio.wait(left, timeout=_CLEAN_UP_S / _CLEAN_UP_TRIES)


async def _performed(perform: Perform, effect: Effect) -> None:
    await perform(effect)


def _no_longer_needed(session: LiveSession, epoch: int) -> str:
    state = session.state
    if session.leaving:
        return session.leaving
    if state.epoch > epoch:
        return "superseded"
    return str(state.status) if state.epoch == epoch and not state.worker_wanted else ""
