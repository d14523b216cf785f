"""No path leads out of the project, into `.git`, or onto something that is no file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jidoka.contract.errors import (
    JidokaError,
    PathNotFound,
    PathOutsideProject,
    PathProtected,
    ToolFailed,
)
from jidoka.sandbox import beneath
from jidoka.sandbox.beneath import Beneath


@pytest.fixture(params=["openat2", "walk"])
def project(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with neighbours worth stealing; once with openat2 and once where there is none."""
    if request.param == "walk":
        monkeypatch.setattr(beneath, "OPENAT2", 9999)  # ENOSYS, as on an old kernel
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / "src" / "a.py").write_text("inside\n")
    (tmp_path / "project2").mkdir()
    (tmp_path / "project2" / "secret").write_text("outside\n")
    (root / "link-to-file").symlink_to(tmp_path / "project2" / "secret")
    (root / "link-to-folder").symlink_to(tmp_path / "project2")
    (root / "climbing-link").symlink_to("../project2/secret")
    (root / "git-link").symlink_to(".git/hooks")
    return root


@pytest.fixture
def files(project: Path) -> Iterator[Beneath]:
    opened = Beneath(str(project))
    yield opened
    opened.close()


def read(files: Beneath, path: str) -> bytes:
    with os.fdopen(files.open_file(path), "rb") as file:
        return file.read()


LEADING_OUT = [
    "..",
    "../project2/secret",
    "src/../../project2/secret",
    "/etc/passwd",
    "{root}2/secret",
    "{root}/../project2/secret",
    "link-to-file",
    "link-to-folder/secret",
    "climbing-link",
    "%2e%2e/project2/secret",
    "%2e%2e%2fproject2%2fsecret",
    "%252e%252e/project2/secret",
    "%2fetc%2fpasswd",
    "src/a.py\0.txt",
    "src/%00",
    "~/secret",
    "/proc/self/root/etc/passwd",
    "//etc/passwd",
    "\ud800",
    "a/" * 2100,
]


@pytest.mark.parametrize("path", LEADING_OUT)
def test_a_path_that_leads_out_is_refused_for_reading_and_writing(files, project, path):
    asked = path.replace("{root}", str(project))

    with pytest.raises(PathOutsideProject):
        read(files, asked)
    with pytest.raises(PathOutsideProject):
        files.replace(asked, b"planted")

    assert (project.parent / "project2" / "secret").read_text() == "outside\n"


@pytest.mark.parametrize("path", ["src/a.py", "./src//a.py", "{root}/src/a.py", "src/./a.py"])
def test_a_path_inside_is_read_however_it_is_written(files, project, path):
    content = read(files, path.replace("{root}", str(project)))

    assert content == b"inside\n"


def test_a_root_that_was_reached_by_a_link_accepts_both_its_names(project):
    alias = project.parent / "alias"
    alias.symlink_to(project)
    files = Beneath(str(alias))

    by_link, by_name = (read(files, f"{name}/src/a.py") for name in (alias, project))

    files.close()
    assert by_link == by_name == b"inside\n"


@pytest.mark.parametrize(
    "path",
    [".git/hooks/pre-commit", ".git", "src/.git/config", ".GIT/config", ".jidoka/settings.toml"],
)
def test_what_decides_over_the_owners_later_commands_is_not_written(files, path):
    with pytest.raises(PathProtected):
        files.replace(path, b"#!/bin/sh\n")


def test_a_link_inside_the_project_does_not_lead_a_write_into_git(files, project):
    with pytest.raises((PathProtected, PathOutsideProject)):
        files.replace("git-link/pre-commit", b"#!/bin/sh\n")

    assert list((project / ".git" / "hooks").iterdir()) == []


def test_a_file_with_a_second_name_is_not_written(files, project):
    (project / "twin").hardlink_to(project.parent / "project2" / "secret")

    with pytest.raises(PathProtected):
        files.replace("twin", b"planted")

    assert (project.parent / "project2" / "secret").read_text() == "outside\n"


def test_a_link_within_the_project_is_not_written_through(files, project):
    (project / "near").symlink_to("src/a.py")

    with pytest.raises(PathOutsideProject):
        files.replace("near", b"new")

    assert (project / "src" / "a.py").read_text() == "inside\n"


def test_a_write_replaces_the_whole_file_and_keeps_its_mode(files, project):
    (project / "run.sh").write_text("old and longer")
    (project / "run.sh").chmod(0o750)

    files.replace("run.sh", b"new")

    assert (project / "run.sh").read_text() == "new"
    assert (project / "run.sh").stat().st_mode & 0o777 == 0o750
    assert sorted(path.name for path in project.glob(".*.tmp")) == []


def test_a_write_makes_the_folders_above_it(files, project):
    files.replace("deep/er/file.txt", b"x")

    assert (project / "deep" / "er" / "file.txt").read_bytes() == b"x"


@pytest.mark.parametrize("path", ["missing", "missing/below", "src/missing"])
def test_what_is_not_there_is_not_found(files, path):
    with pytest.raises(PathNotFound):
        read(files, path)
    with pytest.raises(PathNotFound):
        files.remove(path)


def test_a_pipe_that_nobody_writes_to_holds_nobody_up(files, project):
    os.mkfifo(project / "pipe")

    with pytest.raises(ToolFailed):
        read(files, "pipe")
    with pytest.raises(ToolFailed):
        files.replace("pipe", b"x")


@pytest.mark.parametrize("path", [".", "src", "src/a.py/below"])
def test_a_folder_is_no_file_and_a_file_no_folder(files, path):
    with pytest.raises(ToolFailed):
        read(files, path)
    with pytest.raises(ToolFailed):
        files.replace(path, b"x")


def test_a_removed_file_is_gone_and_others_stay(files, project):
    files.remove("src/a.py")

    assert list((project / "src").iterdir()) == []


def test_a_folder_swapped_for_a_link_in_the_middle_of_everything_never_leads_out(files, project):
    """The short form of the race; the long one is in the integration tests."""
    outside = project.parent / "project2"
    (project / "box").mkdir()
    (project / "box" / "secret").write_text("inside\n")
    seen: set[bytes] = set()

    for _ in range(300):
        (project / "box").rename(project / "kept")
        (project / "box").symlink_to(outside)
        seen.add(attempt(files, "box/secret"))
        (project / "box").unlink()
        (project / "kept").rename(project / "box")
        seen.add(attempt(files, "box/secret"))

    assert seen == {b"inside\n", b"refused"}


def attempt(files: Beneath, path: str) -> bytes:
    try:
        return read(files, path)
    except JidokaError:
        return b"refused"
