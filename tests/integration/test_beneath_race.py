"""Another process swaps folders for links as fast as it can; no path of ours ever leads out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jidoka.contract.errors import JidokaError
from jidoka.sandbox.beneath import Beneath

TRIES = 100_000
WRITES = 200
ATTACKER = """
import ctypes, os, sys
os.chdir(sys.argv[1])
here, exchange, libc = -100, 2, ctypes.CDLL(None)
print("ready", flush=True)
while libc.renameat2(here, b"box", here, b"link", exchange) == 0:
    pass
"""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Path]:
    """A project whose folder `box` is a link to the outside about half of the time."""
    root, outside = tmp_path / "project", tmp_path / "outside"
    (root / "box").mkdir(parents=True)
    outside.mkdir()
    (root / "box" / "file").write_text("inside")
    (outside / "file").write_text("outside")
    (root / "link").symlink_to(outside)
    with subprocess.Popen(
        [sys.executable, "-c", ATTACKER, str(root)], stdout=subprocess.PIPE
    ) as attacker:
        assert attacker.stdout
        attacker.stdout.readline()
        yield root
        assert attacker.poll() is None, "the attacker gave up"
        attacker.kill()


def read(files: Beneath) -> str:
    try:
        fd = files.open_file("box/file")
    except JidokaError as refused:
        return refused.code
    content = os.read(fd, 100).decode()
    os.close(fd)
    return content


def write(files: Beneath) -> str:
    try:
        files.replace("box/file", b"inside")
    except JidokaError as refused:
        return refused.code
    return "written"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_hundred_thousand_reads_in_a_race_never_see_the_outside(scene):
    files = Beneath(str(scene))

    seen = Counter(read(files) for _ in range(TRIES))

    files.close()
    print(dict(seen))  # noqa: T201 - the count is what is wanted from this test
    assert seen["outside"] == 0
    assert seen["inside"] > 0
    assert seen["path_outside_project"] > 0


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_writes_in_a_race_never_change_the_outside(scene):
    files = Beneath(str(scene))

    seen: Counter[str] = Counter()
    while seen.total() < TRIES and (seen["written"] < WRITES or len(seen) == 1):
        seen[write(files)] += 1

    files.close()
    outside = scene.parent / "outside"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "outside"
    assert seen["written"] > 0
    assert seen["path_outside_project"] > 0
