"""Memory and processes of a command as a whole, where control groups can be written."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jidoka.contract.errors import ToolLimit
from jidoka.core.tooling import Limits, Sandbox, output_so_far
from jidoka.sandbox.beneath import Beneath
from jidoka.sandbox.bubblewrap import Bubblewrap
from jidoka.sandbox.control_groups import (
    ControlGroups,
    clear_groups_of,
    clear_old_groups,
    find_control_groups,
)
from jidoka.sandbox.launched import Landlocked, Unconfined
from jidoka.sandbox.probe import probe
from jidoka.sandbox.surroundings import find_surroundings
from tests.support.layers import ALL, layer, run
from tests.support.project import tool_bench

HOG = "import sys, time\nheld = bytearray(int(sys.argv[1]) * 2**20)\nprint('held', flush=True)\n"


@pytest.fixture
async def groups() -> ControlGroups:
    found, why = find_control_groups()
    if found is None:
        pytest.skip(why)
    await clear_groups_of(os.getpid())  # of another process that had our number
    return found


@pytest.fixture(params=ALL)
def sandbox(request, groups: ControlGroups) -> Sandbox:
    known = layer(request.param)
    make: dict[type, Callable[[], Sandbox]] = {
        Landlocked: lambda: Landlocked(find_surroundings(), groups),
        Unconfined: lambda: Unconfined(find_surroundings(), groups),
    }
    if isinstance(known, Bubblewrap):
        return Bubblewrap(known.binary, known.surroundings, groups)
    return make[type(known)]()


def left_behind(groups: ControlGroups) -> list[str]:
    mine = f"jidoka-{os.getpid()}-"
    folders = {groups.memory, groups.processes}
    return [
        path.name for folder in folders for path in folder.iterdir() if path.name.startswith(mine)
    ]


async def _of_the_dead() -> int:
    """Return the number of a process that is gone."""
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    return process.pid


async def test_processes_that_hold_too_much_together_are_ended(sandbox, groups, tmp_path: Path):
    (tmp_path / "hog.py").write_text(HOG + "time.sleep(60)\n")
    command = "for n in 1 2 3 4; do python hog.py 60 & done; wait -n; exit 1"

    result = await run(sandbox, command, tmp_path, memory_bytes=128 * 2**20)

    assert result.limit == "memory"
    assert not result.timed_out
    assert left_behind(groups) == []


async def test_temporary_files_in_memory_count_too(groups, tmp_path: Path):
    known = layer("bubblewrap")
    assert isinstance(known, Bubblewrap)
    sandbox = Bubblewrap(known.binary, known.surroundings, groups)

    result = await run(
        sandbox, "head -c 500000000 /dev/zero > /tmp/big", tmp_path, memory_bytes=64 * 2**20
    )

    assert result.limit == "memory"


async def test_too_many_processes_are_refused_even_to_root(sandbox, groups, tmp_path: Path):
    (tmp_path / "many.py").write_text(
        "import os, time\nfor n in range(200):\n    if os.fork() == 0:\n        time.sleep(60)\n"
    )

    result = await run(sandbox, "python many.py", tmp_path, processes=40)

    assert (result.limit, result.timed_out) == ("processes", False)
    assert left_behind(groups) == []


async def test_a_command_within_its_limits_hears_nothing_of_them(sandbox, groups, tmp_path: Path):
    (tmp_path / "hog.py").write_text(HOG)

    result = await run(sandbox, "python hog.py 60; exit 3", tmp_path, memory_bytes=256 * 2**20)

    assert (result.head, result.exit_status, result.limit) == ("held\n", 3, None)
    assert left_behind(groups) == []


async def test_the_model_is_told_which_limit_it_was(groups, tmp_path: Path):
    files = Beneath(str(tmp_path))
    bench = tool_bench(tmp_path, Unconfined(find_surroundings(), groups), files)
    bench.context = replace(bench.context, limits=Limits(memory_bytes=128 * 2**20))
    (tmp_path / "hog.py").write_text(HOG + "time.sleep(60)\n")

    with pytest.raises(ToolLimit) as ended:
        await bench.call(
            "shell", command="for n in 1 2 3; do python hog.py 60 & done; wait -n; exit 1"
        )

    files.close()
    assert ended.value.kind == "memory"
    assert output_so_far(ended.value).endswith("(exit status 1)")


async def test_doctor_hears_how_commands_are_limited(groups):
    choice = await probe(find_surroundings(), mode="off")

    assert choice.limits == f"control groups, version {groups.version}"


async def test_what_a_dead_process_left_is_removed_and_what_others_use_stays(groups):
    pid = await _of_the_dead()
    left, used = groups.memory / f"jidoka-{pid}-0", groups.memory / "jidoka-1-0"
    for folder in (left, used):
        folder.mkdir(exist_ok=True)  # a run that was killed may have left it

    try:
        await clear_groups_of(pid)

        assert (left.exists(), used.exists()) == (False, True)
    finally:
        used.rmdir()


async def test_a_process_that_is_left_in_a_group_is_ended_with_it(groups):
    async with groups.group(Limits()) as group:
        argv = group.entered(["sh", "-c", "echo in; exec sleep 600"])
        left = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        assert left.stdout is not None
        assert await left.stdout.readline() == b"in\n"

    await left.communicate()
    assert left.returncode == -signal.SIGKILL
    assert left_behind(groups) == []


async def test_old_groups_of_processes_that_are_gone_are_removed(groups):
    pid = await _of_the_dead()
    old, new = (groups.memory / f"jidoka-{pid}-{number}" for number in range(2))
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))

    try:
        clear_old_groups()

        assert (old.exists(), new.exists()) == (False, True)
    finally:
        new.rmdir()


def test_a_folder_that_is_no_control_group_is_not_taken_for_one(tmp_path: Path):
    plain = ControlGroups(2, tmp_path, tmp_path)

    with pytest.raises(OSError, match="No such file"):
        plain.try_out()

    assert list(tmp_path.iterdir()) == []
