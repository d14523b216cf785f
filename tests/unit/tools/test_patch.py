"""`patch` and `multi_edit`: several changes at once, all or none."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract.errors import (
    EditNoMatch,
    FileChanged,
    PathNotFound,
    PathOutsideProject,
    PathProtected,
    ToolArgsInvalid,
    ToolFailed,
)
from jidoka.core.tooling import FileState
from jidoka.tools.unified_diff import apply, parse

CART = "def total(items):\n    return sum(items)\n"
BOTH = """\
diff --git a/src/cart.py b/src/cart.py
--- a/src/cart.py
+++ b/src/cart.py
@@ -1,2 +1,3 @@
 def total(items):
+    items = list(items)
     return sum(items)

--- a/README.md
+++ b/README.md
@@ -1,3 +1,3 @@
-# Cart
+# The cart

 It adds up.
--- /dev/null
+++ b/docs/new.md
@@ -0,0 +1,2 @@
+one
+two
"""


async def test_a_diff_over_several_files_is_applied(bench):
    outcome = await bench.call("patch", patch=BOTH)

    assert (bench.root / "src/cart.py").read_text().splitlines()[1] == "    items = list(items)"
    assert (bench.root / "README.md").read_text() == "# The cart\n\nIt adds up.\n"
    assert (bench.root / "docs/new.md").read_text() == "one\ntwo\n"
    assert outcome.text == (
        "Patched src/cart.py (1 hunk)\nPatched README.md (1 hunk)\nMade docs/new.md"
    )
    assert [file.path for file in outcome.changed] == ["src/cart.py", "README.md", "docs/new.md"]


async def test_the_state_before_a_patch_names_every_file_of_it(bench):
    before = await bench.tool("patch").pre_state({"patch": BOTH}, bench.context)

    assert [file.path for file in before] == ["src/cart.py", "README.md", "docs/new.md"]
    assert before[2] == FileState("docs/new.md", None)


async def test_a_hunk_that_does_not_fit_leaves_every_file_as_it_was(bench):
    (bench.root / "README.md").write_text("# Something else\n")

    with pytest.raises(EditNoMatch) as refused:
        await bench.call("patch", patch=BOTH)

    assert (refused.value.path, refused.value.matches) == ("README.md", 0)
    assert (bench.root / "src/cart.py").read_text() == CART
    assert not (bench.root / "docs").exists()


async def test_a_file_that_cannot_be_written_takes_the_others_back(bench):
    patch = "--- a/src/cart.py\n+++ b/src/cart.py\n@@\n-def total(items):\n+def t(items):\n"
    patch += "--- /dev/null\n+++ b/README.md/below\n@@\n+x\n"

    with pytest.raises(ToolFailed):
        await bench.call("patch", patch=patch)

    assert (bench.root / "src/cart.py").read_text() == CART


async def test_files_are_removed_and_renamed(bench):
    patch = (
        "--- a/src/cart.py\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-def total(items):\n"
        "-    return sum(items)\n"
        "--- a/README.md\n+++ b/READ.md\n@@ -1 +1 @@\n-# Cart\n+# C\n"
    )

    outcome = await bench.call("patch", patch=patch)

    assert not (bench.root / "src/cart.py").exists()
    assert not (bench.root / "README.md").exists()
    assert (bench.root / "READ.md").read_text() == "# C\n\nIt adds up.\n"
    assert FileState("src/cart.py", None) in outcome.changed


@pytest.mark.parametrize(
    ("patch", "error"),
    [
        ("nothing of the kind", ToolArgsInvalid),
        ("@@ -1 +1 @@\n-a\n+b\n", ToolArgsInvalid),
        ("--- a/README.md\n+++ b/README.md\n", ToolArgsInvalid),
        ("--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n# Cart\n", ToolArgsInvalid),
        ("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n", PathNotFound),
        ("--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n", PathOutsideProject),
        ("--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+b\n", PathProtected),
        ("--- /dev/null\n+++ b/README.md\n@@ -0,0 +1 @@\n+b\n", ToolFailed),
        ("--- a/README.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-# Cart\n", ToolFailed),
        ("--- /dev/null\n+++ /dev/null\n@@ -1 +0,0 @@\n-# Cart\n", ToolFailed),
    ],
)
async def test_what_is_no_diff_or_leads_astray_is_refused(bench, patch, error):
    with pytest.raises(error):
        await bench.call("patch", patch=patch)

    assert (bench.root / "README.md").read_text() == "# Cart\n\nIt adds up.\n"


def test_of_several_places_the_one_near_the_number_is_taken():
    text = "a\nx\n" * 5
    hunks = parse("--- a/f\n+++ b/f\n@@ -7,2 +7,2 @@\n a\n-x\n+y\n")[0].hunks

    assert apply(text, hunks, path="f") == "a\nx\n" * 3 + "a\ny\n" + "a\nx\n"


def test_without_a_number_the_place_must_be_unique():
    hunks = parse("--- a/f\n+++ b/f\n@@\n-x\n+y\n")[0].hunks

    assert apply("a\nx\n", hunks, path="f") == "a\ny\n"
    with pytest.raises(EditNoMatch):
        apply("x\nx\n", hunks, path="f")


lines = st.lists(st.sampled_from(["a", "b", "", "-- c", "+ d", "  e"]), max_size=12)


@given(lines, lines, st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_what_difflib_says_is_done(old_lines, new_lines, old_ends, new_ends, end):
    old = "\n".join(old_lines) + ("\n" if old_ends and old_lines else "")
    new = "\n".join(new_lines) + ("\n" if new_ends and new_lines else "")
    patch = diff(old, new)
    if not patch:
        return

    hunks = parse(patch)[0].hunks

    assert apply(old.replace("\n", end), hunks, path="f") in {new.replace("\n", end), new}


def diff(old: str, new: str) -> str:
    written = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), "a/f", "b/f"
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in written
    )


async def test_several_edits_are_made_one_after_the_other(bench):
    edits = [
        {"path": "src/cart.py", "old": "total", "new": "amount"},
        {"path": "src/cart.py", "old": "amount(items)", "new": "amount(prices)"},
        {"path": "README.md", "old": "Cart", "new": "Basket"},
    ]

    outcome = await bench.call("multi_edit", edits=edits)

    assert (bench.root / "src/cart.py").read_text().startswith("def amount(prices):")
    assert (bench.root / "README.md").read_text().startswith("# Basket")
    assert [file.path for file in outcome.changed] == ["src/cart.py", "README.md"]


async def test_one_edit_that_does_not_fit_stops_them_all(bench):
    edits = [
        {"path": "src/cart.py", "old": "total", "new": "amount"},
        {"path": "README.md", "old": "Basket", "new": "Cart"},
    ]

    with pytest.raises(EditNoMatch):
        await bench.call("multi_edit", edits=edits)

    assert (bench.root / "src/cart.py").read_text() == CART


async def test_a_file_that_somebody_changed_meanwhile_stops_them_all(bench):
    await bench.call("read", path="README.md")
    (bench.root / "README.md").write_text("# Cart, by a person\n")

    with pytest.raises(FileChanged):
        await bench.call("multi_edit", edits=[{"path": "README.md", "old": "Cart", "new": "C"}])


@pytest.mark.parametrize("edits", [[], [{}], [{"path": "a", "old": "", "new": ""}], "x"])
async def test_edits_that_do_not_fit_the_schema_are_refused(bench, edits):
    with pytest.raises(ToolArgsInvalid):
        await bench.call("multi_edit", edits=edits)
