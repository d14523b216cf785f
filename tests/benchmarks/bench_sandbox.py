"""What a sandbox costs, and what gets out of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jidoka.sandbox.snapshots import Snapshots
from tests.benchmarks.results import Figure, p50
from tests.support.attacks import KINDS, gets_out, standing_scene
from tests.support.layers import ALL, CONFINED, layer, run

STARTS = 60
FILES = 1_000


@pytest.mark.parametrize("name", ALL)
async def test_starting_a_command(name, record, tmp_path: Path):
    sandbox = layer(name)
    times: list[float] = []
    for _ in range(STARTS):
        began = time.perf_counter()
        await run(sandbox, "true", tmp_path)
        times.append(time.perf_counter() - began)

    gate = 30.0 if name in CONFINED else None
    record.append(Figure(f"a command in {name}, p50", p50(times) * 1000, "ms", gate))


@pytest.mark.parametrize("name", CONFINED)
@pytest.mark.parametrize("kind", KINDS)
async def test_attacks(name, kind, record, tmp_path: Path):
    sandbox, free = layer(name), 0
    for number, attack in enumerate(KINDS[kind]):
        with standing_scene(tmp_path / str(number)) as scene:
            free += await gets_out(sandbox, scene, kind, attack)

    record.append(Figure(f"{kind}: escapes from {name}", free, f"of {len(KINDS[kind])}", 0))


async def test_undoing_a_turn_of_1000_files(record, tmp_path: Path):
    project = tmp_path / "project"
    snapshots = Snapshots(str(project), str(tmp_path / "state"))
    for number in range(FILES):
        file = project / f"d{number % 20}" / f"f{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"x = {number}\n" * 50)
    began = time.perf_counter()
    before = await snapshots.take()
    first = time.perf_counter() - began
    began = time.perf_counter()
    await snapshots.take()
    again = time.perf_counter() - began
    for file in project.rglob("*.py"):
        file.write_text("changed\n")
    after = await snapshots.take()

    began = time.perf_counter()
    plan = await snapshots.planned([await snapshots.step(after.tree, before.tree)])
    assert await snapshots.put_back(plan.write) == {}
    took = time.perf_counter() - began

    record.append(Figure("undo of a turn that changed 1,000 files", took, "s", 1.0))
    record.append(Figure("keeping a folder of 1,000 files, the first time", first, "s"))
    record.append(Figure("keeping it again, unchanged", again * 1000, "ms"))
