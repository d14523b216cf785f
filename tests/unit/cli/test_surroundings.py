"""Where a command is started: in a folder that is gone, with streams that are full or closed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jidoka.cli import options
from jidoka.contract.errors import ProjectNotFound


def started(words: str) -> subprocess.CompletedProcess[str]:
    """Return what came of a command line with its redirections."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m jidoka.cli {words}', sys.executable],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("words", ["--help", "--version", "run --json --nonsense"])
def test_what_cannot_be_printed_is_said_in_a_line(words: str):
    answer = started(f"{words} > /dev/full")

    assert answer.returncode == 1
    assert answer.stderr.splitlines() == ["error: [Errno 28] No space left on device"]


@pytest.mark.parametrize(("words", "code"), [("--help >&-", 0), ("queue edit x 1 <&-", 2)])
def test_a_stream_that_is_closed_is_an_empty_one(words: str, code: int):
    answer = started(words)

    assert answer.returncode == code
    assert "Traceback" not in answer.stderr


def test_a_folder_that_is_gone_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    with pytest.raises(ProjectNotFound, match="it was removed"):
        options.folder_of(None)
    with pytest.raises(ProjectNotFound):
        options.folder_of(Path("~nobody-at-all/x"))
