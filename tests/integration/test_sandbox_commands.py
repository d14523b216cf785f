"""How commands run, end and are bounded, the same on every layer."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path

import psutil
import pytest

from jidoka.core.tooling import Limits, Sandbox
from tests.support.layers import ALL, layer, run


@pytest.fixture(params=ALL)
def sandbox(request) -> Sandbox:
    return layer(request.param)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    return root


def processes_with(mark: str) -> list[psutil.Process]:
    """Return the living processes whose command line holds `mark`."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(mark in word for word in process.info["cmdline"] or ())
    ]


def open_descriptors() -> int:
    gc.collect()  # what other tests have left open is not closed between two looks
    return psutil.Process().num_fds()


async def test_a_command_reads_and_writes_its_project(sandbox, project):
    (project / "a").write_text("in\n")

    result = await run(sandbox, "cat a; echo out > b; pwd", project)

    assert (result.exit_status, result.head) == (0, f"in\n{project}\n")
    assert (project / "b").read_text() == "out\n"


async def test_the_projects_tests_run_with_the_same_python(sandbox, project):
    (project / "test_it.py").write_text("def test_it():\n    assert True\n")
    tests = "python -m pytest -q -p no:cacheprovider test_it.py"
    command = f"{tests} && python -c 'import sys; print(sys.prefix)'"

    result = await run(sandbox, command, project)

    assert "1 passed" in result.head
    assert result.head.endswith(f"{sys.prefix}\n")


async def test_each_command_has_a_home_and_a_temporary_folder_that_vanish(sandbox, project):
    command = 'echo $TMPDIR; touch $TMPDIR/left; mkdir -p "$TMPDIR/deep/er"; test -w $TMPDIR'

    first = await run(sandbox, command, project)
    second = await run(sandbox, "ls -A $TMPDIR; ls -A /tmp | grep -c left", project)

    assert first.exit_status == 0
    assert "left" not in second.head
    if sandbox.layer != "bubblewrap":
        assert not Path(first.head.strip()).exists()


async def test_pipes_and_signals_are_as_in_any_shell(sandbox, project):
    result = await run(sandbox, "yes | head -n 2; kill -TERM $$", project)

    assert (result.head, result.exit_status) == ("y\ny\n", 128 + 15)


async def test_a_time_out_ends_the_command_and_all_that_it_started(sandbox, project):
    mark = f"86400.{os.getpid()}1"
    command = f"echo begun; sleep {mark} & (setsid sleep {mark} &); nohup sleep {mark} & wait"

    result = await run(sandbox, command, project, timeout_s=4)

    assert result.timed_out
    assert result.head.startswith("begun\n")
    assert processes_with(mark) == []


async def test_a_daemon_neither_holds_the_command_up_nor_outlives_it(sandbox, project):
    mark = f"86400.{os.getpid()}2"
    command = f"(setsid sleep {mark} &) ; (setsid setsid nohup sleep {mark} &) ; echo done"

    result = await run(sandbox, command, project)

    assert (result.exit_status, result.timed_out, result.head) == (0, False, "done\n")
    assert processes_with(mark) == []


async def test_a_double_forked_daemon_that_closed_everything_does_not_outlive_it(sandbox, project):
    mark = f"86400.{os.getpid()}3"
    (project / "daemon.py").write_text(
        "import os\n"
        "for _ in range(2):\n"
        "    if os.fork(): os._exit(0)\n"
        "    os.setsid()\n"
        "os.closerange(0, 100)\n"
        f"os.execvp('sleep', ['sleep', '{mark}'])\n"
    )

    result = await run(sandbox, "python daemon.py; echo done", project)

    assert result.head == "done\n"
    assert processes_with(mark) == []


async def test_cancelling_ends_the_command_and_all_that_it_started(sandbox, project):
    mark = f"86400.{os.getpid()}4"
    begun = asyncio.Event()
    command = f"(setsid sleep {mark} &) ; echo begun; sleep {mark}"
    task = asyncio.create_task(
        sandbox.run(
            command,
            root=str(project),
            timeout_s=20,
            on_output=lambda _text: begun.set(),
            limits=Limits(),
        )
    )
    await begun.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert processes_with(mark) == []


async def test_a_fork_bomb_is_ended_by_the_time_out(sandbox, project):
    mark = f"86400.{os.getpid()}5"
    bomb = f"import os, time\nfor n in range(8): os.fork()\nos.execvp('sleep', ['sleep', '{mark}'])"
    (project / "bomb.py").write_text(bomb)

    result = await run(sandbox, "python bomb.py", project, timeout_s=2, processes=400)

    assert result.timed_out
    assert processes_with(mark) == []


async def test_output_streams_while_the_command_runs(sandbox, project):
    (project / "gate").touch()
    seen: list[str] = []

    def watch(text: str) -> None:
        seen.append(text)
        (project / "gate").unlink(missing_ok=True)

    result = await sandbox.run(
        "echo first; while [ -e gate ]; do sleep 0.01; done; echo last",
        root=str(project),
        timeout_s=20,
        on_output=watch,
        limits=Limits(),
    )

    assert (result.exit_status, "".join(seen)) == (0, "first\nlast\n")
    assert seen[0] == "first\n"


async def test_printing_without_end_is_ended(sandbox, project):
    result = await run(sandbox, "yes", project, output_bytes=3_000_000)

    assert (result.limit, result.timed_out) == ("output", False)
    assert result.output_bytes < 6_000_000
    assert result.spill
    Path(result.spill).unlink()


async def test_a_hundred_megabytes_of_output_leave_the_process_small(sandbox, project):
    memory = psutil.Process()
    before = memory.memory_info().rss

    result = await run(sandbox, "head -c 100000000 /dev/zero | tr '\\0' 'x'", project)

    assert result.output_bytes == 100_000_000
    assert memory.memory_info().rss - before < 20 * 2**20
    assert result.spill
    Path(result.spill).unlink()


@pytest.mark.parametrize(
    ("limit", "command"),
    [
        ({"file_bytes": 1_000_000}, "head -c 3000000 /dev/zero > big"),
        ({"memory_bytes": 64 * 2**20}, "python -c 'bytearray(512 * 2**20)'"),
        ({"cpu_s": 1}, "while :; do :; done"),
        ({"open_files": 32}, "python -c 'x = [open(\"/dev/null\") for _ in range(64)]'"),
    ],
)
async def test_limits_hold(sandbox, project, limit, command):
    result = await run(sandbox, command, project, **limit)

    assert result.exit_status != 0
    assert not result.timed_out


async def test_many_commands_at_once_do_not_disturb_each_other(sandbox, project):
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(run(sandbox, f"echo {n}; exit {n}", project), name=f"run {n}")
            for n in range(12)
        ]

    results = [task.result() for task in running]
    assert [(r.head, r.exit_status) for r in results] == [(f"{n}\n", n) for n in range(12)]


async def test_a_missing_project_folder_fails_and_leaves_nothing_open(sandbox, tmp_path):
    await run(sandbox, "true", tmp_path)
    before = open_descriptors()

    result = await run(sandbox, "true", tmp_path / "gone")

    assert result.exit_status != 0
    assert open_descriptors() <= before


async def test_no_descriptor_leaks_from_run_to_run(sandbox, project):
    await run(sandbox, "true", project)
    before = open_descriptors()

    for command in ("true", "exit 1", "(sleep 60 &)", "sleep 60"):
        await run(sandbox, command, project, timeout_s=0.5)

    assert open_descriptors() <= before


async def test_no_zombie_is_left_however_a_command_ends(sandbox, project):
    before = set(psutil.Process().children())

    for command in ("true", "(setsid sleep 60 &)", "sleep 60"):
        await run(sandbox, command, project, timeout_s=0.5)

    assert set(psutil.Process().children()) <= before


async def test_commands_need_no_thread(sandbox, project):
    before = psutil.Process().num_threads()

    await run(sandbox, "true", project)

    assert psutil.Process().num_threads() <= before
