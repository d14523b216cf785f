"""A worker undoes turns: a real folder, real snapshots, and a worker that dies at every place."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from jidoka.contract import events as e
from jidoka.core.putting_back import backwards
from jidoka.sandbox.snapshots import Snapshots
from tests.support.agent import Bench, asks, memory_bench

OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink"}


def filled(root: Path) -> Path:
    """Make a project of which every kind of change is possible."""
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("one\n")
    (root / "gone.txt").write_text("was here\n")
    (root / "becomes").mkdir()
    (root / "becomes" / "below").write_text("in a folder\n")
    (root / "link").symlink_to("src/a.py")
    return root


def change(root: Path) -> None:
    """Change it as a turn might."""
    (root / "src" / "a.py").write_text("two\n")
    (root / "src" / "a.py").chmod(0o755)
    (root / "gone.txt").unlink()
    (root / "becomes" / "below").unlink()
    (root / "becomes").rmdir()
    (root / "becomes").write_text("a file now\n")
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")
    (root / "new" / "deep").mkdir(parents=True)
    (root / "new" / "deep" / "file").write_text("new\n")


def state_of(root: Path) -> dict[str, tuple[str, bool]]:
    return {
        str(path.relative_to(root)): (
            (str(path.readlink()), False)
            if path.is_symlink()
            else (path.read_text(), bool(path.stat().st_mode & 0o100))
        )
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def killed_at(nth: int, root: Path, state: Path, trees: tuple[str, str]) -> bool:
    """Put files back in a process that dies at its nth touch of a file; return whether it did."""
    pid = os.fork()
    if pid == 0:
        touches = 0

        def touched(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal touches
            # the names in a folder that is open, not the paths of git's own files
            if event in OPERATIONS and "/" not in str(arguments[0]):
                touches += 1
                if touches > nth:
                    os.kill(os.getpid(), signal.SIGKILL)

        snapshots = Snapshots(str(root), str(state))

        async def work() -> None:
            steps = backwards([await snapshots.step(*trees)])
            plan = await snapshots.planned(steps)
            sys.addaudithook(touched)
            await snapshots.put_back(plan.write)

        try:
            asyncio.run(work())
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_wherever_it_is_killed_the_same_again_finishes(tmp_path: Path):
    state, deaths = tmp_path / "state", 0
    for nth in range(0, 200, 2):
        root = filled(tmp_path / "project")
        snapshots = Snapshots(str(root), str(state / str(nth)))
        before, then = asyncio.run(snapshots.take()), state_of(root)
        change(root)
        after = asyncio.run(snapshots.take())
        trees = (before.tree, after.tree)

        died = killed_at(nth, root, state / str(nth), trees)

        again = Snapshots(str(root), str(state / str(nth)))
        plan = asyncio.run(planned_back(again, trees))
        assert plan.changed == ()
        assert asyncio.run(again.put_back(plan.write)) == {}
        assert state_of(root) == then
        root.rename(tmp_path / f"done-{nth}")
        deaths += died
        if not died:
            break
    assert deaths > 10


async def planned_back(snapshots: Snapshots, trees: tuple[str, str]):
    return await snapshots.planned(backwards([await snapshots.step(*trees)]))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A session whose first turn writes a file and runs a command."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "note.txt").write_text("one\n")
    write = ("write", '{"path": "made.txt", "content": "made\\n"}')
    shell = ("shell", '{"command": "echo two > note.txt"}')
    return memory_bench(root, asks(write, shell), "done", home=tmp_path / "home")


async def first_turn(bench: Bench) -> str:
    await bench.open()
    async with bench.worker():
        ended = await bench.until(e.TurnEnded)
    assert isinstance(ended.event, e.TurnEnded)
    return ended.event.turn_id


async def test_a_worker_that_was_lost_over_it_is_followed_by_one_that_finishes(bench: Bench):
    turn_id = await first_turn(bench)
    await bench.write(
        e.TurnUndoRequested(turn_ids=(turn_id,)),
        e.TurnUndoStarted(asked="undo", turn_ids=(turn_id,)),
    )
    (bench.root / "made.txt").unlink()  # as far as the first one came

    async with bench.worker(epoch=2):
        undone = (await bench.until(e.TurnUndone)).event

    assert isinstance(undone, e.TurnUndone)
    assert (undone.paths, undone.left) == (("made.txt", "note.txt"), ())
    assert state_of(bench.root) == {"note.txt": ("one\n", False)}


async def test_what_a_person_changes_after_a_crash_stays_and_is_named(bench: Bench):
    turn_id = await first_turn(bench)
    await bench.write(
        e.TurnUndoRequested(turn_ids=(turn_id,)),
        e.TurnUndoStarted(asked="undo", turn_ids=(turn_id,)),
    )
    (bench.root / "note.txt").write_text("mine\n")

    async with bench.worker(epoch=2):
        undone = (await bench.until(e.TurnUndone)).event

    assert isinstance(undone, e.TurnUndone)
    assert undone.left == ("note.txt",)
    assert state_of(bench.root) == {"note.txt": ("mine\n", False)}


@pytest.mark.parametrize("files", ["force", "keep_mine"])
async def test_a_redo_brings_back_what_a_person_had(bench: Bench, files: str):
    turn_id = await first_turn(bench)
    (bench.root / "note.txt").write_text("mine\n")
    now = state_of(bench.root)

    async with bench.worker(epoch=2):
        await bench.write(e.TurnUndoRequested(turn_ids=(turn_id,), files=files))
        await bench.until(e.TurnUndone)
        undone = state_of(bench.root)
        await bench.write(e.TurnRedoRequested(turn_ids=(turn_id,)))
        await bench.until(e.TurnRedone)

    assert undone == {"note.txt": ("one\n" if files == "force" else "mine\n", False)}
    assert state_of(bench.root) == now


async def test_without_its_snapshot_only_the_conversation_can_be_undone(bench: Bench):
    bench.home = None
    turn_id = await first_turn(bench)

    async with bench.worker(epoch=2):
        await bench.write(e.TurnUndoRequested(turn_ids=(turn_id,)))
        refused = (await bench.until(e.TurnUndoRefused)).event
        await bench.write(e.TurnUndoRequested(turn_ids=(turn_id,), files="leave"))
        undone = (await bench.until(e.TurnUndone)).event

    assert isinstance(refused, e.TurnUndoRefused)
    assert (refused.error.code, refused.begun) == ("snapshot_missing", False)
    assert isinstance(undone, e.TurnUndone)
    assert undone.files_left
    assert (bench.root / "made.txt").exists()


async def test_a_turn_without_effects_takes_no_snapshot(tmp_path: Path):
    root = tmp_path / "project"
    root.mkdir()
    bench = memory_bench(root, asks(("list", "{}")), "done", home=tmp_path / "home")

    await first_turn(bench)

    assert not (tmp_path / "home").exists()
