"""What `read` shows of files of every kind."""

from __future__ import annotations

import pytest

from jidoka.contract.errors import (
    PathNotFound,
    PathOutsideProject,
    TooLarge,
    ToolArgsInvalid,
    ToolFailed,
)
from jidoka.core.tooling import INLINE_BYTES
from tests.support.secrets import private_key


async def test_lines_come_with_their_numbers(bench):
    text = await bench.text("read", path="src/cart.py")

    assert text == "     1\tdef total(items):\n     2\t    return sum(items)"


async def test_a_part_is_read_by_offset_and_limit(bench):
    (bench.root / "n.txt").write_text("".join(f"line {n}\n" for n in range(1, 11)))

    text = await bench.text("read", path="n.txt", offset=3, limit=2)

    assert text == "     3\tline 3\n     4\tline 4\n(10 lines; go on with offset 5)"


async def test_a_page_from_the_middle_of_a_private_key_shows_none_of_it(bench):
    key = private_key()
    (bench.root / "key.pem").write_text(f"mine:\n{key}\nafter\n")
    last = len(key.splitlines()) + 2

    middle = await bench.text("read", path="key.pem", offset=4, limit=2)
    whole = await bench.text("read", path="key.pem")

    assert middle == f"     4\t\n     5\t\n({last} lines; go on with offset 6)"
    assert whole.startswith("     1\tmine:\n     2\t[redacted:private-key:")
    assert whole.endswith(f"{last:>6}\tafter")
    assert not [line for line in key.splitlines() if line in whole]


async def test_a_long_file_is_read_page_by_page_without_a_gap(bench):
    (bench.root / "long.txt").write_text("".join(f"{n}\n" for n in range(1, 4_501)))
    seen: list[str] = []
    offset = 1

    while True:
        page = (await bench.text("read", path="long.txt", offset=offset)).splitlines()
        seen += [line.split("\t")[1] for line in page if "\t" in line]
        if "go on with offset" not in page[-1]:
            break
        offset = int(page[-1].rstrip(")").rpartition(" ")[2])

    assert seen == [str(n) for n in range(1, 4_501)]


async def test_an_answer_stays_within_its_bound_whatever_the_lines(bench):
    (bench.root / "wide.txt").write_text(("ü" * 3_000 + "\n") * 500)

    text = await bench.text("read", path="wide.txt")

    assert len(text.encode()) <= INLINE_BYTES
    assert "… (1000 more characters)" in text
    assert "go on with offset" in text


async def test_an_offset_behind_the_end_says_how_long_the_file_is(bench):
    assert await bench.text("read", path="README.md", offset=99) == "(the file has only 3 lines)"


async def test_an_empty_file_says_so(bench):
    (bench.root / "empty").touch()

    assert await bench.text("read", path="empty") == "(empty is empty)"


async def test_a_binary_file_is_named_not_shown(bench):
    (bench.root / "logo.png").write_bytes(b"\x89PNG\0\0data")

    text = await bench.text("read", path="logo.png")

    assert text == "(logo.png is a binary file of 10 bytes; it is not shown)"


async def test_other_encodings_and_line_ends_are_shown_readably(bench):
    (bench.root / "old.txt").write_bytes(b"caf\xe9\r\nend\r\n")

    text = await bench.text("read", path="old.txt")

    assert text == "     1\tcaf\ufffd\n     2\tend"


async def test_a_file_of_more_than_10_mib_is_refused_with_its_size(bench):
    with (bench.root / "huge").open("wb") as file:
        file.truncate(11 * 1024 * 1024)

    with pytest.raises(TooLarge) as refused:
        await bench.text("read", path="huge")

    assert refused.value.size_bytes == 11 * 1024 * 1024
    assert refused.value.message.endswith("in the shell with head, tail or sed -n.")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("missing.py", PathNotFound),
        ("../secret", PathOutsideProject),
        ("/etc/passwd", PathOutsideProject),
        ("src", ToolFailed),
        (f"src/{'a' * 256}", ToolFailed),
    ],
)
async def test_what_cannot_be_read_is_refused_by_kind(bench, path, error):
    with pytest.raises(error):
        await bench.text("read", path=path)


@pytest.mark.parametrize(
    "args",
    [{}, {"path": 1}, {"path": ""}, {"path": "a", "offset": 0}, {"path": "a", "limit": "2"}],
)
async def test_arguments_that_do_not_fit_are_refused(bench, args):
    with pytest.raises(ToolArgsInvalid):
        await bench.call("read", **args)


async def test_reading_marks_what_was_seen(bench):
    await bench.text("read", path="./README.md")

    assert list(bench.context.read_marks) == ["README.md"]
