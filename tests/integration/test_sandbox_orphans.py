"""Whatever ends a worker, its commands end with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.layers import ALL, layer

WORKER = """
import asyncio, sys
from jidoka.core.tooling import Limits
from tests.support.layers import layer

async def main():
    await layer(sys.argv[1]).run(
        sys.argv[2], root=sys.argv[3], timeout_s=60, on_output=print, limits=Limits()
    )

asyncio.run(main())
"""


def alive(mark: str) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and mark in (process.info["cmdline"] or ())
    ]


async def until(true: Callable[[], bool]) -> None:
    """Return when `true` is; the test's own time limit ends it otherwise."""
    for _ in range(2_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not become true")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
async def test_a_killed_worker_leaves_no_command_behind(name, sign, tmp_path: Path):
    layer(name)
    mark = f"86400.{os.getpid()}{int(sign)}"
    command = (
        f"(setsid sleep {mark} &) ; nohup sleep {mark} & echo begun; touch begun; sleep {mark}"
    )
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WORKER, name, command, str(tmp_path)),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.DEVNULL,
    )
    await until(lambda: (tmp_path / "begun").exists() and len(alive(mark)) >= 3)

    worker.send_signal(sign)
    await worker.wait()

    await until(lambda: not alive(mark))


STARTERS = """
import asyncio, os, random, signal, sys, time
from jidoka.core.tooling import Limits
from tests.support.layers import layer

box, command, root = layer("bubblewrap"), sys.argv[1], sys.argv[2]
chance = random.Random(3)

def start():
    run = box.run(command, root=root, timeout_s=60, on_output=print, limits=Limits())
    asyncio.run(run)

for _ in range(60):
    starter = os.fork()
    if starter == 0:
        start()
    time.sleep(chance.uniform(0.0, 0.04))
    os.kill(starter, signal.SIGKILL)
    os.waitpid(starter, 0)
print("all killed", flush=True)
sys.stdin.read()
"""


async def test_a_command_whose_starter_is_killed_as_it_begins_does_not_run(tmp_path: Path):
    layer("bubblewrap")
    mark = f"86400.{os.getpid()}99"
    starters = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTERS, f"sleep {mark}", str(tmp_path)),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert starters.stdout
    assert starters.stdin

    said = await starters.stdout.readline()

    assert said == b"all killed\n"
    await until(lambda: not alive(mark))
    starters.stdin.close()
    await starters.communicate()
