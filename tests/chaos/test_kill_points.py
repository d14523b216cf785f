"""Workers are killed at every step of a turn, and at every byte of the model's answer.

Each point is one turn: two reads at once, a file written, the same file edited, a command, a last
word. The worker dies at the point, sometimes its successor too, and the turn has to come to its
end by itself: every answer asked for once, the file edited once, the command run at most once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from tests.benchmarks.results import p50, p95
from tests.chaos.load import scale, soon
from tests.chaos.model import steps, stream_of
from tests.chaos.stage import Place, Stage, running_stage
from tests.chaos.wire import Cut, When

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3_000)]

SAID = {
    "turn.started": 1,
    "llm.requested": 5,
    "llm.responded": 5,
    "tool.started": 5,
    "tool.completed": 5,
    "turn.ended": 1,
}
"""What a worker records of a turn, and how often."""
COMMAND, LAST = 3, 4
"""The steps whose answers are cut at each byte: the one that runs a command, and the last word."""
TURNS_OF_A_SESSION = 20
LANES = 6
RUNNING = "while it ran"


@dataclass(frozen=True)
class Point:
    """Where one worker dies."""

    kind: str
    cuts: tuple[Cut, ...] = ()
    step: int = 0
    offset: int | None = None
    """How many bytes of the model's answer to that step have been sent."""


def events() -> list[Point]:
    """Return three points for every event of a turn."""
    moments = [(name, nth, when) for name, most in SAID.items() for nth in range(1, most + 1)
               for when in get_args(When)]  # fmt: skip
    return [Point(f"event, {when}", (Cut(name, nth, when),)) for name, nth, when in moments]


def recoveries() -> list[Point]:
    """Return points at which the successor dies as well, while it puts in order what it found."""
    pairs = (
        (Cut("tool.completed", 5, "before"), "tool.interrupted", 1),
        (Cut("tool.completed", 4, "before"), "tool.completed", 5),
        (Cut("llm.responded", 2, "before"), "llm.responded", 3),
    )
    return [
        Point("its successor too", (first, Cut(name, nth, when)))
        for first, name, nth in pairs
        for when in get_args(When)
    ]


def offsets(every: int) -> list[Point]:
    """Return a point for every so many bytes of two answers."""
    return [
        Point("byte of the answer", step=step, offset=offset)
        for step in (COMMAND, LAST)
        for offset in range(0, len(stream_of(steps(100)[step])) + 1, every)
    ]


def chosen() -> list[Point]:
    """Return the points of this run: all of them several times, or some."""
    whole = [*events(), *recoveries(), *[Point(RUNNING)] * 5]
    return [*whole[:: scale(2, 1)] * scale(1, 5), *offsets(scale(48, 1))]


async def hit(stage: Stage, place: Place, point: Point, number: int) -> list[str]:
    """Take one turn in which a worker dies; return what is wrong afterwards."""
    session_id, wire = place.session_id, stage.wire
    stage.history.forget_deaths(session_id)
    wire.plan(session_id, *point.cuts)
    if point.offset is not None:
        stage.model.stops[number, point.step] = (point.offset, lambda: kill(stage, place, number))
    watching = asyncio.create_task(kill_running(stage, place, number, point.kind))
    await stage.say(place, f"point-{number}.")
    end = await stage.ended(place)
    watching.cancel()
    wrong = [] if end["outcome"] == "completed" else [f"ended as {end['outcome']}"]
    if (place.folder / f"made-{number}.txt").read_text() != "begun\nedited\n":
        wrong.append("the file is not as edited once")
    return [f"{point}: {each}" for each in wrong]


async def kill(stage: Stage, place: Place, number: int) -> None:
    """Kill the worker; half of the streams go on at once, half when the next worker is there."""
    assigned = stage.history.count(place.session_id, "worker.assigned")
    stage.wire.kill(place.session_id)
    if number % 2:
        await stage.history.until_count(place.session_id, "worker.assigned", assigned + 1)


async def kill_running(stage: Stage, place: Place, number: int, kind: str) -> None:
    """Kill the worker as soon as its command has left its line."""
    if kind == RUNNING:
        await soon(lambda: has_run(place.folder, number))
        stage.wire.kill(place.session_id)


def has_run(folder: Path, number: int) -> bool:
    effects = folder / "effects"
    return effects.exists() and f"line-{number}\n" in effects.read_text()


async def test_a_worker_dies_at_every_step_of_a_turn_and_nothing_happens_twice(tmp_path, count):
    points = list(enumerate(chosen()))
    wrong: list[str] = []

    async def lane(stage: Stage) -> None:
        place = await stage.open()
        while points:
            number, point = points.pop()
            if place.turns == TURNS_OF_A_SESSION:
                place = await stage.open()
            wrong.extend(await hit(stage, place, point, number))

    kinds = Counter(point.kind for _, point in points)
    async with running_stage(tmp_path / "home") as stage, asyncio.TaskGroup() as lanes:
        for task in [lanes.create_task(lane(stage)) for _ in range(LANES)]:
            await asyncio.wait([task])
        findings = await stage.findings()

    ran = sum(len(place.effects) for place in stage.places)
    twice = ran - sum(len(set(place.effects)) for place in stage.places)
    count.append(f"kill points: {stage.wire.killed} workers killed in {sum(kinds.values())} turns")
    count.extend(f"  {kind}: {times}" for kind, times in sorted(kinds.items()))
    count.append(
        f"  commands run {ran}, twice {twice}, interrupted {findings.count('tool.interrupted')} | "
        f"answers asked for again {stage.model.asked_again} | "
        f"broken promises {len(findings.broken) + len(wrong)}"
    )
    waits_s = stage.history.waits_s
    count.append(f"  went on after: p50 {p50(waits_s):.2f} s, p95 {p95(waits_s):.2f} s")
    assert findings.broken + wrong == []
    assert (twice, stage.model.asked_again) == (0, 0)
    assert stage.wire.killed >= sum(kinds.values())
