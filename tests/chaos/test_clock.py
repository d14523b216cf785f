"""The wall clock of every program is set forth and back by an hour or a day: nobody notices."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jidoka.contract import events as e
from tests.chaos.checker import Findings
from tests.chaos.fleet import running_fleet
from tests.chaos.load import Load, scale
from tests.chaos.outcome import report, under_load
from tests.support.nats import NatsServer

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here"),
]

PROGRAMS = [(n, n) for n in ("session-manager", "coordinator", "llm-gateway", "agent-host")]
HOUR_S = 3_600
STEPS_S = (HOUR_S, -HOUR_S, 24 * HOUR_S, -24 * HOUR_S)


class WallClock:
    """What programs that have it preloaded take for the time."""

    def __init__(self, folder: Path) -> None:
        self._file, library = folder / "moved-by", folder / "wall_clock.so"
        source = Path(__file__).with_name("wall_clock.c")
        command = ("cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl")
        subprocess.run(command, check=True, capture_output=True)
        self.environment: dict[str, Any] = {
            "LD_PRELOAD": str(library),
            "WALL_CLOCK_FILE": str(self._file),
        }
        self.set(0)

    def set(self, moved_by_s: int) -> None:
        """Let all of them believe that it is so much later, or earlier."""
        beside = self._file.with_suffix(".new")
        beside.write_text(str(moved_by_s))
        beside.replace(self._file)


async def test_the_wall_clock_jumps_under_load_and_nothing_happens(
    durable_nats: NatsServer, tmp_path: Path, count: list[str]
):
    clock, url = WallClock(tmp_path), durable_nats.url
    chance = random.Random(5)  # noqa: S311 - repeatable, no secret
    async with running_fleet(tmp_path / "fleet", url, PROGRAMS, **clock.environment) as (_, load):
        await load.open(3)

        async def jump() -> int:
            rounds = scale(1, 10)
            for moved_by_s in STEPS_S[:: scale(2, 1)] * rounds:
                await asyncio.sleep(chance.uniform(0.3, 1.0))
                clock.set(moved_by_s)
                await _everyone_ended_a_turn_more(load)
            return rounds * len(STEPS_S[:: scale(2, 1)])

        jumps = await under_load(load, jump)
        findings = await load.findings()

    report(count, "jumps of the wall clock", jumps, load, findings)
    assert findings.broken == []
    assert findings.count("worker.lost") == 0
    assert findings.count("tool.interrupted") == 0
    assert {"ended", "completed"} >= _outcomes(findings)
    assert _jumps_seen(findings) >= jumps / 2


async def _everyone_ended_a_turn_more(load: Load) -> None:
    ended = {talk.session_id: talk.said for talk in load.talks}
    for session_id, said in ended.items():
        await load.stack.until(session_id, e.TurnEnded, said + 1)


def _outcomes(findings: Findings) -> set[str]:
    return {
        event.data["outcome"]
        for events in findings.sessions.values()
        for event in events
        if event.name == "turn.ended"
    }


def _jumps_seen(findings: Findings) -> int:
    """Return how often the time of the events went back or leapt: the clock did move."""
    hours = [[event.body["time"][:13] for event in events] for events in findings.sessions.values()]
    return max(sum(a != b for a, b in itertools.pairwise(each)) for each in hours)
