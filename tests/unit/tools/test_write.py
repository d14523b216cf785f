"""What `write` makes, replaces and refuses."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from jidoka.contract.errors import (
    FileChanged,
    PathOutsideProject,
    PathProtected,
    TooLarge,
    ToolFailed,
)
from jidoka.core.tooling import FileState


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def test_a_new_file_is_made_with_its_folders(bench):
    outcome = await bench.call("write", path="docs/new/a.md", content="one\ntwo\n")

    assert (bench.root / "docs/new/a.md").read_text() == "one\ntwo\n"
    assert outcome.text == "Made docs/new/a.md: 2 lines, 8 bytes."
    assert outcome.changed == (FileState("docs/new/a.md", sha256("one\ntwo\n")),)


async def test_a_name_may_be_as_long_as_the_file_system_takes_it(bench):
    name = "🙂" * 63

    await bench.call("write", path=name, content="x")

    assert (bench.root / name).read_text() == "x"


async def test_an_old_file_is_replaced_whole_once_it_was_read(bench):
    await bench.call("read", path="README.md")
    outcome = await bench.call("write", path="README.md", content="")

    assert (bench.root / "README.md").read_text() == ""
    assert outcome.text == "Replaced README.md: 0 lines, 0 bytes."


async def test_the_state_before_a_write_names_the_file_and_its_content(bench):
    tool = bench.tool("write")
    old, new = ({"path": path, "content": "x"} for path in ("README.md", "./new.md"))

    before_old = await tool.pre_state(old, bench.context)
    before_new = await tool.pre_state(new, bench.context)

    assert before_old == (FileState("README.md", sha256("# Cart\n\nIt adds up.\n")),)
    assert before_new == (FileState("new.md", None),)


async def test_what_somebody_else_wrote_since_it_was_read_is_not_overwritten(bench):
    await bench.call("read", path="README.md")
    (bench.root / "README.md").write_text("a person's words\n")

    with pytest.raises(FileChanged):
        await bench.call("write", path="README.md", content="mine")

    assert (bench.root / "README.md").read_text() == "a person's words\n"


async def test_a_file_that_was_never_read_is_not_replaced(bench):
    with pytest.raises(FileChanged, match="was not read"):
        await bench.call("write", path="README.md", content="mine")

    assert (bench.root / "README.md").read_text() == "# Cart\n\nIt adds up.\n"


@pytest.mark.parametrize(
    ("tool", "args"), [("write", {"content": "x"}), ("edit", {"old": "a", "new": "b"})]
)
async def test_that_a_file_is_protected_is_said_before_anything_else(bench, tool, args):
    (bench.root / ".git").mkdir(exist_ok=True)
    (bench.root / ".git/config").write_text("[core]\n")

    with pytest.raises(PathProtected):
        await bench.call(tool, path=".git/config", **args)


async def test_who_does_not_ask_for_reading_first_replaces_at_once(bench):
    bench.context = replace(bench.context, read_first=False)

    await bench.call("write", path="README.md", content="mine")

    assert (bench.root / "README.md").read_text() == "mine"


async def test_own_writes_one_after_the_other_are_no_change_by_others(bench):
    await bench.call("read", path="README.md")
    for content in ("one", "two", "three"):
        await bench.call("write", path="README.md", content=content)

    assert (bench.root / "README.md").read_text() == "three"


async def test_more_than_10_mib_is_too_large(bench):
    with pytest.raises(TooLarge):
        await bench.call("write", path="a", content="ü" * (6 * 1024 * 1024))


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("../a", PathOutsideProject),
        (".git/hooks/pre-commit", PathProtected),
        (f"docs/{'a' * 256}", ToolFailed),
    ],
)
async def test_outside_and_protected_paths_are_refused(bench, path, error):
    with pytest.raises(error):
        await bench.call("write", path=path, content="x")
