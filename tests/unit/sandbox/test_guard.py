"""Whatever a command did to `.git`, the owner's next commit runs what it ran before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jidoka.sandbox.guard import GitGuard


@pytest.fixture
def project(tmp_path: Path) -> Path:
    git = tmp_path / "project" / ".git"
    (git / "hooks").mkdir(parents=True)
    (git / "info").mkdir()
    (git / "config").write_text("[core]\n")
    (git / "hooks" / "pre-push").write_text("#!/bin/sh\n")
    (git / "hooks" / "pre-push").chmod(0o755)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    return git.parent


def plant_hook(git: Path) -> None:
    (git / "hooks" / "pre-commit").write_text("evil")


def change_hook(git: Path) -> None:
    (git / "hooks" / "pre-push").write_text("evil")


def remove_hook(git: Path) -> None:
    (git / "hooks" / "pre-push").unlink()


def change_mode(git: Path) -> None:
    (git / "hooks" / "pre-push").chmod(0o600)


def change_config(git: Path) -> None:
    (git / "config").write_text("[core]\nfsmonitor = evil\n")


def plant_commondir(git: Path) -> None:
    (git / "commondir").write_text("../evil")


def plant_attributes(git: Path) -> None:
    (git / "info" / "attributes").write_text("* filter=evil")


def link_config(git: Path) -> None:
    (git / "config").unlink()
    (git / "config").symlink_to("../evil")


def link_hooks(git: Path) -> None:
    (git.parent.parent / "elsewhere").mkdir()
    (git.parent.parent / "elsewhere" / "keep").write_text("a person's file")
    shutil.rmtree(git / "hooks")
    (git / "hooks").symlink_to(git.parent.parent / "elsewhere")


def swap_git(git: Path) -> None:
    git.rename(git.parent / "x")
    shutil.copytree(git.parent / "x", git)
    plant_hook(git)


def move_git(git: Path) -> None:
    git.rename(git.parent / "x")


ATTACKS = (
    plant_hook,
    change_hook,
    remove_hook,
    change_mode,
    change_config,
    plant_commondir,
    plant_attributes,
    link_config,
    link_hooks,
    swap_git,
    move_git,
)


def state_of(git: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(git)): (path.lstat().st_mode, path.read_text())
        for path in sorted(git.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_is_put_back_and_told(project, attack):
    git = project / ".git"
    before = state_of(git)
    guard = GitGuard(str(project))
    attack(git)

    notes = guard.restore()

    assert state_of(git) == before
    assert notes


def test_a_link_planted_in_place_of_the_hooks_does_not_reach_a_persons_files(project):
    guard = GitGuard(str(project))
    link_hooks(project / ".git")

    guard.restore()

    assert (project.parent / "elsewhere" / "keep").read_text() == "a person's file"


def test_a_repository_made_where_there_was_none_is_set_aside(tmp_path):
    guard = GitGuard(str(tmp_path))
    plant = tmp_path / ".git"
    (plant / "hooks").mkdir(parents=True)

    notes = guard.restore()

    assert not plant.exists()
    assert len(notes) == 1


def test_commits_and_new_objects_are_left_alone(project):
    guard = GitGuard(str(project))
    (project / ".git" / "HEAD").write_text("ref: refs/heads/other\n")

    assert guard.restore() == ()
    assert (project / ".git" / "HEAD").read_text() == "ref: refs/heads/other\n"


def test_the_file_of_a_worktree_is_guarded_too(tmp_path):
    (tmp_path / ".git").write_text("gitdir: /somewhere\n")
    guard = GitGuard(str(tmp_path))
    (tmp_path / ".git").write_text("gitdir: evil\n")

    notes = guard.restore()

    assert (tmp_path / ".git").read_text() == "gitdir: /somewhere\n"
    assert notes
