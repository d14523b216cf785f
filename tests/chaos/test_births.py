"""Forks and imports, killed midway: a whole session or none, and asked again it is made."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.client.importing import STAGE
from jidoka.contract.errors import TimedOut, Unavailable
from tests.chaos.checker import read_all
from tests.chaos.load import Load, scale

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_800)]

VICTIMS = ("session-manager", "coordinator", "nats-server")
MOST_S = 0.08
"""A fork or an import of these takes about as long."""


async def killed_midway(load: Load, name: str, after_s: float) -> int:
    """Kill a program a moment from now; return 1 if it was there."""
    await asyncio.sleep(after_s)
    with suppress(psutil.NoSuchProcess, KeyError):
        load.stack.refresh()
        pids = {each["name"]: each["pid"] for each in load.stack.state["programs"]}
        psutil.Process(pids[name]).kill()
        return 1
    return 0


def halves(sessions: dict) -> list[str]:
    """Return the sessions that are there without a beginning, or with two."""
    births = ("session.created", "session.forked", "session.imported")
    return [
        session_id
        for session_id, events in sessions.items()
        if events[0].name not in births or sum(event.name in births for event in events) != 1
    ]


async def make(load: Load, exported: Path, number: int) -> str:
    """Fork or import; return the id of the new session."""
    folder = str(load.stack.folder())
    if number % 2:
        fields = {"session_id": load.talks[0].session_id, "project_path": folder, "name": "f"}
        return (await load.sender.ask("session.fork", fields, fields["session_id"]))["session_id"]
    fields = {"project_path": folder, "export": await put(load, exported), "name": "i"}
    return (await load.sender.ask("session.import", fields))["session_id"]


async def put(load: Load, exported: Path) -> str:
    """Put a file into the object store, however often it takes; return its reference."""
    while True:
        with suppress(Unavailable, TimedOut):
            return (await NatsBlobs(load.stack.client.bus).put(STAGE, exported)).ref
        await asyncio.sleep(0.2)


async def exports(load: Load, folder: Path, count: int) -> list[Path]:
    """Return as many files, no two alike: a file comes in once."""
    files: list[Path] = []
    for number in range(count):
        talk = load.talks[number % len(load.talks)]
        await load.sender.say(talk.session_id, f"message-{talk.said + 1}.")
        talk.said += 1
        files.append(folder / f"{number}.jsonl")
        await load.stack.client.export_session(talk.session_id, files[-1])
    return files


async def test_a_fork_or_import_that_is_killed_midway_is_made_once_when_asked_again(
    load, count, tmp_path
):
    times, killed, chance = scale(3, 30), Counter(), random.Random(5)  # noqa: S311
    await load.open(4)
    files = await exports(load, tmp_path, times)
    made: list[str] = []
    for number in range(times):
        name = VICTIMS[number % len(VICTIMS)]
        making = asyncio.create_task(make(load, files[number], number))
        killed[name] += await killed_midway(load, name, chance.uniform(0.0, MOST_S))
        made.append(await making)

    sessions = await read_all(load.stack.state["nats_url"])
    listed = [info.session_id for info in await load.stack.client.list_sessions()]

    forks = sum(events[0].name == "session.forked" for events in sessions.values())
    imports = sum(events[0].name == "session.imported" for events in sessions.values())
    count.append(
        f"forks and imports: {killed.total()} programs killed midway | forked {forks}, imported "
        f"{imports} of {times} | half sessions {len(halves(sessions))}"
    )
    assert halves(sessions) == []
    assert (forks, imports) == (times // 2, times - times // 2)
    assert len(set(made)) == times
    assert sorted(listed) == sorted({*made, *(talk.session_id for talk in load.talks)})
