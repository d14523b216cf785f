"""What a session leaves in jidoka's folder is removed, whatever stands there by then."""

from __future__ import annotations

import os
from pathlib import Path

from jidoka.sandbox.leftovers import erase_files

SESSION = "s" + "0" * 24


def test_a_pipe_in_the_place_of_a_worktrees_git_holds_nobody(tmp_path: Path):
    worktree = tmp_path / "worktrees" / SESSION
    worktree.mkdir(parents=True)
    os.mkfifo(worktree / ".git")

    erase_files(tmp_path, SESSION)

    assert not worktree.exists()
