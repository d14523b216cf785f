"""Commits that run nothing of the project, and leave to a person what is a person's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jidoka.contract.errors import PathOutsideProject, ToolArgsInvalid, ToolFailed
from jidoka.sandbox.beneath import Beneath
from jidoka.sandbox.commits import RepositoryCommits
from jidoka.sandbox.probe import ProbedSandbox
from tests.support.project import ToolBench, tool_bench

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "person"
    folder.mkdir()
    (folder / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """The person's git, in the project."""

    def run(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(tmp_path / "project"), *words],
            check=True,
            timeout=20,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def bench(tmp_path: Path, git: Git) -> Iterator[ToolBench]:
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.txt").write_text("one\n")
    (root / "b.txt").write_text("one\n")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    files = Beneath(str(root))
    yield tool_bench(root, ProbedSandbox(), files, RepositoryCommits(str(root)))
    files.close()


async def test_what_changed_is_committed_as_the_person(bench, git):
    (bench.root / "a.txt").write_text("two\n")
    (bench.root / "b.txt").unlink()
    (bench.root / "new").mkdir()
    (bench.root / "new" / "c.sh").write_text("#!/bin/sh\n")
    (bench.root / "new" / "c.sh").chmod(0o755)

    text = await bench.text("commit", message="Change things\n\nFor good.")

    assert text == f"Committed {git('rev-parse', 'HEAD')[:10]} (3 files): Change things"
    assert (
        git("log", "-1", "--format=%an <%ae>|%B")
        == "Ada <ada@example.org>|Change things\n\nFor good."
    )
    assert (
        git("show", "--stat=80", "--format=").splitlines()[-1].strip().startswith("3 files changed")
    )
    assert git("ls-tree", "HEAD", "new/c.sh").startswith("100755")
    assert git("status", "--porcelain") == ""
    assert git("fsck", "--strict") == ""
    assert git("rev-parse", "HEAD~1") == git("rev-parse", "main~1")
    assert "commit: Change things" in git("reflog", "-1")


async def test_only_the_named_paths_are_committed(bench, git):
    (bench.root / "a.txt").write_text("two\n")
    (bench.root / "b.txt").write_text("two\n")

    await bench.text("commit", message="a", paths=["./a.txt"])

    assert git("show", "--name-only", "--format=") == "a.txt"
    assert git("status", "--porcelain") == "M b.txt"


async def test_the_first_commit_of_a_repository_is_made(tmp_path, home):
    root = tmp_path / "fresh"
    root.mkdir()
    (root / "a").write_text("x")
    subprocess_git = ["git", "-C", str(root)]
    init(root)

    said = await RepositoryCommits(str(root)).commit("first", ())

    log = subprocess.run(  # noqa: ASYNC221 - a few milliseconds
        [*subprocess_git, "log", "--format=%s"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert said.endswith("(1 file): first")
    assert log.stdout == "first\n"


def init(root: Path) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True, timeout=20)


async def test_a_work_tree_beside_the_repository_commits_to_its_own_branch(bench, git, tmp_path):
    git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "a.txt").write_text("side\n")

    await RepositoryCommits(str(tmp_path / "side")).commit("on the side", ())

    assert git("log", "-1", "--format=%s", "side") == "on the side"
    assert git("log", "-1", "--format=%s", "main") == "first"


async def test_ignored_files_and_repositories_within_are_not_committed(bench, git, home):
    (bench.root / ".gitignore").write_text("build/\n")
    (bench.root / ".git" / "info" / "exclude").write_text("mine\n")
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "ignore").write_text("*.swp\n")
    (bench.root / "build").mkdir()
    for name in ("build/x", "mine", "a.swp"):
        (bench.root / name).write_text("x")
    init(bench.root / "nested")
    (bench.root / "nested" / "x").write_text("x")

    await bench.text("commit", message="ignore")

    assert git("show", "--name-only", "--format=") == ".gitignore"


async def test_nothing_that_the_project_configured_is_run(bench, git, tmp_path):
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\ncat\n")
    evil.chmod(0o755)
    for setting in (
        *("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "gpg.program"),
        *("diff.external", "diff.evil.textconv", "core.editor", "core.sshCommand"),
        *("commit.template", "core.pager", "trailer.x.cmd", "core.alternateRefsCommand"),
    ):
        git("config", setting, str(evil))
    git("config", "commit.gpgSign", "true")
    hooks = (
        "pre-commit",
        "commit-msg",
        "post-commit",
        "reference-transaction",
        "post-index-change",
    )
    for hook in (*hooks, "prepare-commit-msg", "post-checkout", "pre-auto-gc", "post-rewrite"):
        (bench.root / ".git" / "hooks" / hook).write_bytes(evil.read_bytes())
        (bench.root / ".git" / "hooks" / hook).chmod(0o755)
    (tmp_path / "ran").unlink(missing_ok=True)
    (bench.root / "a.txt").write_text("two\n")

    await bench.text("commit", message="quietly")

    assert not (tmp_path / "ran").exists()


async def test_a_file_that_needs_a_filter_is_left_to_the_person(bench, git):
    (bench.root / ".gitattributes").write_text("*.bin filter=lfs\n")
    (bench.root / "x.bin").write_text("large")
    before = git("rev-parse", "HEAD")

    with pytest.raises(ToolFailed, match="filter 'lfs'"):
        await bench.text("commit", message="x")

    assert git("rev-parse", "HEAD") == before


async def test_a_persons_staged_changes_are_left_to_the_person(bench, git):
    (bench.root / "a.txt").write_text("staged\n")
    git("add", "a.txt")

    with pytest.raises(ToolFailed, match="staged"):
        await bench.text("commit", message="x")

    assert git("diff", "--cached", "--name-only") == "a.txt"


async def test_a_merge_under_way_is_left_to_the_person(bench, git):
    (bench.root / ".git" / "MERGE_HEAD").write_text(git("rev-parse", "HEAD"))

    with pytest.raises(ToolFailed, match="MERGE_HEAD"):
        await bench.text("commit", message="x")


async def test_without_a_change_a_name_or_a_repository_it_says_so(bench, home, tmp_path):
    with pytest.raises(ToolFailed, match="nothing to commit"):
        await bench.text("commit", message="x")
    (home / ".gitconfig").unlink()
    (bench.root / "a.txt").write_text("two\n")
    with pytest.raises(ToolFailed, match="who commits"):
        await bench.text("commit", message="x")
    with pytest.raises(ToolFailed, match="no git repository"):
        await RepositoryCommits(str(tmp_path / "person")).commit("x", ())


async def test_messages_and_paths_are_checked(bench):
    with pytest.raises(ToolArgsInvalid):
        await bench.text("commit", message="")
    with pytest.raises(ToolFailed):
        await bench.text("commit", message=" \n")
    with pytest.raises(PathOutsideProject):
        await bench.text("commit", message="x", paths=["../a"])


async def test_a_session_that_does_not_commit_says_so(bench):
    other = tool_bench(bench.root, ProbedSandbox(), bench.context.files)

    with pytest.raises(ToolFailed, match="does not commit"):
        await other.text("commit", message="x")
