"""However a system ends, nothing of it is left: asked to in the middle of work, or killed anywhere.

Every process of a home is found by the home's folder: in its environment, its arguments, or in
those of what it runs.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.benchmarks.results import p95
from tests.chaos.load import Load, scale, soon
from tests.support.home import processes_with

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_800)]

DRAIN_S = 10.0
LEFT_S = 5.0
"""How long after its runtime the last process may be there: workers look each second."""
YOUNGEST_S, OLDEST_S = 0.3, 3.5
"""How long a runtime lives that is killed on its way up."""


async def left_of(folder: Path) -> dict[int, str]:
    """Return the processes that are still there after their time."""
    with suppress(TimeoutError):
        await soon(lambda: not ours(folder), LEFT_S)
    return ours(folder)


def ours(folder: Path) -> dict[int, str]:
    """Return the processes of a home, without the model server of the tests."""
    found = processes_with(str(folder))
    return {pid: command for pid, command in found.items() if "tests.support" not in command}


async def test_asked_to_end_or_killed_in_the_middle_of_work_it_is_gone_and_loses_nothing(
    load: Load, count
):
    await load.open(6)
    times, took_s, left = scale(2, 14), [], {}
    talking = asyncio.create_task(load.run())
    for number in range(times):
        await asyncio.sleep(2.0)
        began_s = time.monotonic()
        load.stack.runtime.send_signal(signal.SIGKILL if number % 2 else signal.SIGTERM)
        await load.stack.runtime.wait()
        took_s += [] if number % 2 else [time.monotonic() - began_s]
        left |= await left_of(load.stack.home.parent)
        await load.stack.revive()
    load.stopping = True
    await talking

    findings = await load.findings()
    count.append(
        f"ends under load: asked to end {len(took_s)} times, p95 {p95(took_s):.1f} s; killed "
        f"{times - len(took_s)} times | processes left {len(left)} | broken promises "
        f"{len(findings.broken)}"
    )
    assert left == {}
    assert findings.broken == []
    assert max(took_s) <= DRAIN_S


async def test_a_runtime_that_is_killed_on_its_way_up_leaves_nothing(tmp_path, count):
    home, left = tmp_path / "home", {}
    (home / "tmp").mkdir(parents=True)
    times, chance = scale(2, 40), random.Random(13)  # noqa: S311
    without = {key: value for key, value in os.environ.items() if not key.startswith("JIDOKA_")}
    environment = without | {"JIDOKA_HOME": str(home), "TMPDIR": str(home / "tmp")}
    for _ in range(times):
        runtime = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "jidoka.runtime"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.sleep(chance.uniform(YOUNGEST_S, OLDEST_S))
        runtime.kill()
        await runtime.wait()
        left |= await left_of(home)

    count.append(f"killed on its way up: {times} times | processes left {len(left)}")
    assert left == {}
