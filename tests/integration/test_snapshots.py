"""Files as they were before a turn, kept and put back, whatever the project tries."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jidoka.contract.errors import ToolFailed
from jidoka.sandbox.snapshots import Snapshot, Snapshots


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("one\ntwo\n")
    (root / "README.md").write_text("read me\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


@pytest.fixture
def snapshots(project: Path, tmp_path: Path) -> Snapshots:
    return Snapshots(str(project), str(tmp_path / "state"))


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, timeout=20)


def files_of(root: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(root)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


async def put_back(snapshots: Snapshots, last: Snapshot, wanted: Snapshot) -> tuple[str, ...]:
    """Go from one snapshot to another, unless somebody changed one of the files since."""
    plan = await snapshots.planned([await snapshots.step(last.tree, wanted.tree)])
    if plan.changed:
        return ("changed", *plan.changed)
    assert await snapshots.put_back(plan.write) == {}
    return tuple(sorted(plan.write))


async def test_a_turn_is_undone_and_done_again(project, snapshots):
    before = await snapshots.take()
    then = files_of(project)
    (project / "src" / "a.py").write_text("one\n2\n")
    (project / "src" / "new.py").write_text("new\n")
    (project / "README.md").unlink()
    (project / "run.sh").chmod(0o644)
    after = await snapshots.take()
    later = files_of(project)

    undone = await put_back(snapshots, after, before)
    files_undone, mode = files_of(project), (project / "run.sh").stat().st_mode & 0o111
    redone = await put_back(snapshots, before, after)

    assert undone == redone == ("README.md", "run.sh", "src/a.py", "src/new.py")
    assert files_undone == then
    assert mode
    assert files_of(project) == later


async def test_the_difference_of_a_turn_is_shown(project, snapshots):
    before = await snapshots.take()
    (project / "src" / "a.py").write_text("one\n2\n")
    after = await snapshots.take()

    diff = await snapshots.diff(before.tree, after.tree)

    assert "--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n" in diff
    assert list(await snapshots.step(before.tree, after.tree)) == ["src/a.py"]


async def test_a_long_difference_is_cut(project, snapshots):
    before = await snapshots.take()
    (project / "long").write_text("line\n" * 400_000)
    after = await snapshots.take()

    diff = await snapshots.diff(before.tree, after.tree)

    assert len(diff) < 1_100_000
    assert diff.endswith("bytes left out)\n")


async def test_what_a_person_changed_since_is_not_overwritten_and_nothing_else_is(
    project, snapshots
):
    before = await snapshots.take()
    (project / "src" / "a.py").write_text("the model's\n")
    (project / "README.md").write_text("the model's\n")
    after = await snapshots.take()
    (project / "src" / "a.py").write_text("the person's\n")
    now = files_of(project)

    refused = await put_back(snapshots, after, before)

    assert refused == ("changed", "src/a.py")
    assert files_of(project) == now


async def test_a_file_that_a_person_removed_since_is_not_brought_back(project, snapshots):
    before = await snapshots.take()
    (project / "README.md").write_text("the model's\n")
    after = await snapshots.take()
    (project / "README.md").unlink()

    refused = await put_back(snapshots, after, before)

    assert refused == ("changed", "README.md")
    assert not (project / "README.md").exists()


async def test_other_files_that_a_person_changed_since_stay(project, snapshots):
    before = await snapshots.take()
    (project / "src" / "a.py").write_text("the model's\n")
    after = await snapshots.take()
    (project / "README.md").write_text("the person's\n")
    (project / "notes.txt").write_text("the person's\n")

    await put_back(snapshots, after, before)

    assert (project / "src" / "a.py").read_text() == "one\ntwo\n"
    assert (project / "README.md").read_text() == "the person's\n"
    assert (project / "notes.txt").read_text() == "the person's\n"


async def test_odd_names_links_and_bytes_come_back_as_they_were(project, snapshots):
    odd = os.fsencode(project) + b"/caf\xe9 \n-n 'q' \".txt"
    Path(os.fsdecode(odd)).write_bytes(b"\0\xff\r\n")
    (project / "-rf").write_text("dash")
    (project / "link").symlink_to("src/a.py")
    (project / "out").symlink_to("/etc/passwd")
    then = files_of(project)
    before = await snapshots.take()
    for path in (Path(os.fsdecode(odd)), project / "-rf", project / "link", project / "out"):
        path.unlink()
        path.write_text("changed")
    after = await snapshots.take()

    await put_back(snapshots, after, before)

    assert files_of(project) == then


async def test_a_file_that_became_a_folder_and_the_other_way_round_comes_back(project, snapshots):
    before, then = await snapshots.take(), files_of(project)
    (project / "README.md").unlink()
    (project / "README.md").mkdir()
    (project / "README.md" / "below").write_text("x")
    (project / "src" / "a.py").unlink()
    (project / "src").rmdir()
    (project / "src").write_text("a file now")
    after = await snapshots.take()

    await put_back(snapshots, after, before)

    assert files_of(project) == then


async def test_line_ends_and_filters_that_the_project_asks_for_change_nothing(project, snapshots):
    (project / ".gitattributes").write_text(
        "* text=auto eol=crlf filter=lfs ident\n*.u working-tree-encoding=UTF-16\n"
    )
    (project / "dos.txt").write_bytes(b"a\r\nb\n$Id$\n")
    (project / "x.u").write_bytes("ü\n".encode("utf-16"))
    then = files_of(project)
    before = await snapshots.take()
    (project / "dos.txt").write_bytes(b"")
    (project / "x.u").write_bytes(b"")
    after = await snapshots.take()

    await put_back(snapshots, after, before)

    assert files_of(project) == then


async def test_nothing_that_the_projects_git_is_configured_to_run_runs(
    project, snapshots, tmp_path
):
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    evil.chmod(0o755)
    git("init", "-q", str(project))
    for setting in (
        "core.fsmonitor",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "diff.evil.textconv",
        "diff.external",
        "diff.evil.command",
        "core.hooksPath",
        "core.sshCommand",
        "gpg.program",
    ):
        value = str(tmp_path) if setting == "core.hooksPath" else str(evil)
        git("-C", str(project), "config", setting, value)
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-commit"):
        for folder in (tmp_path, project / ".git" / "hooks"):
            folder.mkdir(exist_ok=True)
            (folder / hook).write_bytes(evil.read_bytes())
            (folder / hook).chmod(0o755)
    (project / ".gitattributes").write_text("* filter=evil diff=evil\n")
    before = await snapshots.take()
    (project / "README.md").write_text("changed\n")
    after = await snapshots.take()

    await snapshots.diff(before.tree, after.tree)
    await put_back(snapshots, after, before)

    assert not (tmp_path / "ran").exists()
    assert (project / "README.md").read_text() == "read me\n"


async def test_ignored_large_and_nested_files_are_left_out_and_left_alone(project, snapshots):
    (project / ".gitignore").write_text("build/\n")
    (project / "build").mkdir()
    (project / "build" / "out").write_text("built")
    with (project / "huge").open("wb") as file:
        file.truncate(11 * 2**20)
    git("init", "-q", str(project / "nested"))
    (project / "nested" / "file").write_text("theirs")
    before = await snapshots.take()
    (project / "build" / "out").write_text("built again")
    (project / "huge").write_bytes(b"x")
    (project / "README.md").write_text("changed\n")
    after = await snapshots.take()

    restored = await put_back(snapshots, after, before)

    assert before.left_out == ("huge", "nested/")
    assert "README.md" in restored
    assert (project / "build" / "out").read_text() == "built again"
    assert (project / "nested" / "file").read_text() == "theirs"


async def test_the_same_files_have_the_same_name(project, snapshots):
    first = await snapshots.take()
    (project / "README.md").touch()

    second = await snapshots.take()

    assert first == second


async def test_snapshots_that_nobody_needs_are_forgotten(project, snapshots):
    first = await snapshots.take()
    (project / "README.md").write_text("two\n")
    second = await snapshots.take()

    await snapshots.keep_only([second.tree])

    with pytest.raises(ToolFailed):
        await snapshots.step(first.tree, second.tree)
    assert await snapshots.step(second.tree, second.tree) == {}


async def test_a_git_that_was_killed_does_not_block_the_next(project, snapshots, tmp_path):
    await snapshots.take()
    (repository,) = (tmp_path / "state").iterdir()
    (repository / "index.lock").touch()
    (project / "README.md").write_text("changed\n")

    snapshot = await snapshots.take()

    assert snapshot.tree


async def test_the_project_itself_gets_nothing_of_it(project, snapshots):
    then = files_of(project)

    await snapshots.take()

    assert files_of(project) == then


async def test_without_git_it_says_so(project, snapshots, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(ToolFailed) as failed:
        await snapshots.take()

    assert "git is not installed" in failed.value.reason
