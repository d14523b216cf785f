"""`list`, `glob` and `grep`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jidoka.contract.errors import (
    PathNotFound,
    PathOutsideProject,
    SandboxUnavailable,
    ToolFailed,
    ToolTimeout,
)
from jidoka.sandbox.probe import ProbedSandbox
from tests.support.project import tool_bench


async def test_a_folder_lists_its_folders_first(bench):
    assert await bench.text("list") == "src/\n.gitignore\nREADME.md"
    assert await bench.text("list", path="src") == "cart.py"


async def test_an_empty_folder_and_a_crowded_one_say_so(bench):
    (bench.root / "empty").mkdir()
    (bench.root / "crowd").mkdir()
    for n in range(1_003):
        (bench.root / "crowd" / f"{n:04}").touch()

    empty, crowd = await bench.text("list", path="empty"), await bench.text("list", path="crowd")

    assert empty == "(the folder is empty)"
    assert crowd.endswith("(3 more; narrow it with glob)")


@pytest.mark.parametrize(
    ("path", "error"),
    [("none", PathNotFound), ("README.md", ToolFailed), ("..", PathOutsideProject)],
)
async def test_what_is_no_folder_here_is_not_listed(bench, path, error):
    with pytest.raises(error):
        await bench.text("list", path=path)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.py", "src/cart.py"),
        ("src/**", "src/cart.py"),
        ("**/*.md", "README.md"),
        ("./*.md", "README.md"),
        ("*.rs", "(no file matches)"),
    ],
)
async def test_files_are_found_by_pattern(bench, pattern, found):
    assert await bench.text("glob", pattern=pattern) == found


async def test_ignored_files_and_git_are_left_out(bench):
    for folder in ("build", ".git", "src"):
        (bench.root / folder).mkdir(exist_ok=True)
        (bench.root / folder / "hit.txt").write_text("needle\n")

    files, hits = (
        await bench.text("glob", pattern="**/*.txt"),
        await bench.text("grep", pattern="needle"),
    )

    assert (files, hits) == ("src/hit.txt", "src/hit.txt:1:needle")


async def test_a_pattern_does_not_leave_the_project(bench):
    for pattern in ("../*", "/etc/*", "a/../../*"):
        with pytest.raises(PathOutsideProject):
            await bench.text("glob", pattern=pattern)
        with pytest.raises(PathOutsideProject):
            await bench.text("grep", pattern="root", glob=pattern)


async def test_hits_come_with_path_and_line(bench):
    assert await bench.text("grep", pattern="def \\w+") == "src/cart.py:1:def total(items):"
    assert await bench.text("grep", pattern="CART", ignore_case=True) == "README.md:1:# Cart"
    assert await bench.text("grep", pattern="items", path="README.md") == "(no hits)"
    assert await bench.text("grep", pattern="t", glob="*.md", path=".") == (
        "README.md:1:# Cart\nREADME.md:3:It adds up."
    )


async def test_odd_names_and_patterns_are_taken_as_they_are(bench):
    (bench.root / "-n $(touch pwned) 'q'.txt").write_text('a; echo `x` "y"\n')

    hits = await bench.text("grep", pattern='`x` "y"')

    assert hits == "-n $(touch pwned) 'q'.txt:1:a; echo `x` \"y\""
    assert not (bench.root / "pwned").exists()


async def test_more_than_100_hits_are_cut_and_counted(bench):
    (bench.root / "many").write_text("needle\n" * 20_000)

    lines = (await bench.text("grep", pattern="needle")).splitlines()

    assert len(lines) == 101
    assert lines[-1] == "(only the first 100 hits; narrow the search)"


async def test_a_broken_expression_is_told_to_the_model(bench):
    with pytest.raises(ToolFailed) as failed:
        await bench.text("grep", pattern="(unclosed")

    assert "unclosed group" in failed.value.reason


@pytest.mark.parametrize(("path", "error"), [("no", PathNotFound), ("out", PathOutsideProject)])
async def test_a_place_that_is_missing_or_outside_is_not_searched(bench, path, error):
    (bench.root / "out").symlink_to("/etc")

    with pytest.raises(error):
        await bench.text("grep", pattern="root", path=path)


async def test_without_a_sandbox_nothing_is_searched(bench, monkeypatch):
    monkeypatch.setattr("jidoka.sandbox.probe.candidates", lambda *_anything: iter(()))
    other = tool_bench(bench.root, ProbedSandbox(), bench.context.files)

    with pytest.raises(SandboxUnavailable):
        await other.text("grep", pattern="x")


async def test_a_search_that_takes_too_long_is_ended(bench):
    impatient = replace(bench.context, timeout_s=0.000_1)
    other = replace(bench, context=impatient)

    with pytest.raises(ToolTimeout):
        await other.text("grep", pattern="x")
