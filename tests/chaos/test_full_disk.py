"""The disk of the home fills up under load and is emptied again: said plainly, nothing lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from jidoka.contract.errors import JidokaError, StorageFull
from jidoka.settings.storage import room_in
from tests.chaos.load import Load, scale
from tests.chaos.outcome import report
from tests.chaos.sender import Sender
from tests.support.power import LoopDisk, why_not
from tests.support.system import running_stack

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

MIB = 1024 * 1024
SESSIONS = 2
SETTINGS = {"JIDOKA_RESTART_LIMIT": "1000", "JIDOKA_STORE_LIMIT_BYTES": str(256 * MIB)}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    disk = LoopDisk(tmp_path)
    yield disk
    disk.unmount()


class Ballast:
    """A file that takes room away from everybody else."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def leave(self, free_bytes: int) -> None:
        """Take all room but so much."""
        with self._path.open("ab") as file:
            taken = room_in(self._path.parent).free_bytes - free_bytes
            os.posix_fallocate(file.fileno(), file.tell(), taken)

    def leave_nothing(self) -> None:
        """Take all room, that of the administrator too."""
        with self._path.open("ab", buffering=0) as file:
            for size in (MIB, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(b"\0" * size)

    def drop(self) -> None:
        """Give it back."""
        self._path.unlink()


@pytest.fixture
async def load(disk: LoopDisk) -> AsyncGenerator[Load]:
    async with running_stack(disk.mounted_at / "home", **SETTINGS) as stack:
        sender = await Sender.connected(stack.state["nats_url"])
        yield Load(stack, sender)
        await sender.close()


async def test_a_disk_that_fills_up_is_said_and_survived(
    disk: LoopDisk, load: Load, count: list[str]
):
    ballast = Ballast(disk.mounted_at)
    await load.open(SESSIONS)
    talking = asyncio.create_task(load.run())
    refused, healed = 0, []
    for number in range(scale(2, 10)):
        await _everyone_says_more(load)
        ballast.leave(32 * MIB)
        refused += await _refused(load)
        assert (await asyncio.to_thread(_status, load))["storage"]["state"] == "full"
        assert len(await load.stack.client.list_sessions()) == SESSIONS
        if number % 2:
            ballast.leave_nothing()
            load.stack.refresh()
            load.stack.processes()["session-manager"].kill()
            await _write_against_the_wall(load)
            refused += await _refused(load)
        assert await _read(load) == {talk.session_id for talk in load.talks}
        ballast.drop()
        begun = asyncio.get_running_loop().time()
        await _everyone_says_more(load)
        healed.append(asyncio.get_running_loop().time() - begun)
    load.stopping = True
    await talking

    findings = await load.findings()
    report(count, "times that the disk was full", len(healed), load, findings)
    load.stack.refresh()
    restarts = {each["name"]: each["restarts"] for each in load.stack.state["programs"]}
    count.append(
        f"disk full: refused with storage_full {refused}, healed in {max(healed):.1f} s, "
        f"restarts of the broker {restarts.pop('nats-server')}, "
        f"of programs {sum(restarts.values())}"
    )
    assert findings.broken == []


async def _everyone_says_more(load: Load) -> None:
    """Return when a message more was recorded in each session."""
    before = [len(talk.acknowledged) for talk in load.talks]
    async with asyncio.timeout(120):
        while True:
            now = [len(talk.acknowledged) for talk in load.talks]
            if all(more > fewer for more, fewer in zip(now, before, strict=True)):
                return
            await asyncio.sleep(0.1)


async def _refused(load: Load) -> int:
    """Return how many messages were refused for want of room: all of them."""
    for talk in load.talks:
        with pytest.raises(StorageFull) as said:
            await load.stack.client.send_message(talk.session_id, "is there room?")
        assert said.value.retryable
        assert said.value.free_bytes is not None
    return len(load.talks)


async def _write_against_the_wall(load: Load) -> None:
    """Ask for what is small enough to be let through, until the broker itself finds no room."""
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            for number in itertools.count():
                for talk in load.talks:
                    with suppress(JidokaError):
                        await load.stack.client.rename_session(talk.session_id, f"n{number}")


async def _read(load: Load) -> set[str]:
    """Return the sessions whose history can be read to its end."""
    read: set[str] = set()
    for talk in load.talks:
        with suppress(JidokaError):
            async with aclosing(load.stack.stored(talk.session_id)) as events:
                async for _ in events:
                    pass
            read.add(talk.session_id)
    return read


def _status(load: Load) -> dict[str, Any]:
    environment = os.environ | {"JIDOKA_HOME": str(load.stack.home)}
    command = [sys.executable, "-m", "jidoka.cli", "status", "--json"]
    said = subprocess.run(command, env=environment, capture_output=True, check=True)
    return json.loads(said.stdout)
