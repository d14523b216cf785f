"""`edit` replaces exactly what was meant, or nothing."""

from __future__ import annotations

import pytest

from jidoka.contract.errors import (
    EditNoMatch,
    FileChanged,
    PathNotFound,
    ToolArgsInvalid,
    ToolFailed,
)
from jidoka.tools.content import digest


async def test_the_one_place_is_replaced_and_shown(bench):
    outcome = await bench.call("edit", path="src/cart.py", old="sum(items)", new="fsum(items)")

    text = (bench.root / "src/cart.py").read_text()
    assert text == "def total(items):\n    return fsum(items)\n"
    assert "     2\t    return fsum(items)" in outcome.text
    assert outcome.changed[0].sha256 == digest(text.encode())


@pytest.mark.parametrize(("content", "matches"), [("a b c", 0), ("x b x", 2), ("xxxx", 4)])
async def test_any_other_number_of_places_changes_nothing_and_is_told(bench, content, matches):
    (bench.root / "f").write_text(content)

    with pytest.raises(EditNoMatch) as refused:
        await bench.call("edit", path="f", old="x", new="y")

    assert refused.value.matches == matches
    assert (bench.root / "f").read_text() == content


async def test_every_place_is_replaced_when_that_is_meant(bench):
    (bench.root / "f").write_text("x b x")

    await bench.call("edit", path="f", old="x", new="y", replace_all=True)

    assert (bench.root / "f").read_text() == "y b y"


async def test_line_ends_of_the_file_are_kept(bench):
    (bench.root / "dos.txt").write_bytes(b"one\r\ntwo\r\nthree\r\n")

    await bench.call("edit", path="dos.txt", old="one\ntwo", new="1\n2\n2b")

    assert (bench.root / "dos.txt").read_bytes() == b"1\r\n2\r\n2b\r\nthree\r\n"


async def test_bytes_that_are_no_utf8_survive_an_edit_beside_them(bench):
    (bench.root / "old.txt").write_bytes(b"caf\xe9\nend\n")

    await bench.call("edit", path="old.txt", old="end", new="END")

    assert (bench.root / "old.txt").read_bytes() == b"caf\xe9\nEND\n"


async def test_a_file_that_changed_since_it_was_read_is_not_edited(bench):
    await bench.call("read", path="README.md")
    (bench.root / "README.md").write_text("It adds up. And more.\n")

    with pytest.raises(FileChanged):
        await bench.call("edit", path="README.md", old="It adds up", new="It sums")


async def test_an_edit_that_changes_nothing_is_a_mistake(bench):
    with pytest.raises(ToolArgsInvalid):
        await bench.call("edit", path="README.md", old="Cart", new="Cart")


async def test_binary_and_missing_files_are_not_edited(bench):
    (bench.root / "bin").write_bytes(b"a\0b")

    with pytest.raises(ToolFailed):
        await bench.call("edit", path="bin", old="a", new="b")
    with pytest.raises(PathNotFound):
        await bench.call("edit", path="none", old="a", new="b")


async def test_a_large_new_piece_is_shown_by_its_ends(bench):
    new = "\n".join(f"line {n}" for n in range(500))

    text = await bench.text("edit", path="README.md", old="It adds up.", new=new)

    assert len(text.splitlines()) < 50
