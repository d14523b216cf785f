"""What a session has on this machine beside its project: snapshots, and a folder of its own."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from typing import Final

from jidoka.contract.ids import is_session_id

ROOMS: Final = ("snapshots", "worktrees")
RECENT_S: Final = 3_600.0


def sessions_with_files(home: Path) -> set[str]:
    """Return the ids of all sessions that have something in jidoka's folder."""
    found: set[str] = set()
    for room in ROOMS:
        with contextlib.suppress(OSError):
            found |= {path.name for path in (home / room).iterdir() if is_session_id(path.name)}
    return found


def is_recent(home: Path, session_id: str) -> bool:
    """Tell whether something of a session was made within the hour: it may be in the making."""
    for room in ROOMS:
        with contextlib.suppress(OSError):
            if time.time() - (home / room / session_id).stat().st_mtime < RECENT_S:
                return True
    return False


def erase_files(home: Path, session_id: str) -> None:
    """Remove what a session has in jidoka's folder; what is gone already is no problem.

    The branch that a worktree was on stays in the project: it may hold commits.
    """
    if not is_session_id(session_id):
        return
    worktree = home / "worktrees" / session_id
    administration = _administration(worktree)
    for folder in (worktree, home / "snapshots" / session_id):
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if administration is not None:
        shutil.rmtree(administration, ignore_errors=True)


def _administration(worktree: Path) -> Path | None:
    """Return the folder in which the project's repository keeps account of a worktree."""
    try:
        folder = Path(_read(worktree / ".git").removeprefix("gitdir:").strip())
        back = _read(folder / "gitdir").strip()
    except (OSError, ValueError):
        return None
    belongs = folder.parent.name == "worktrees" and Path(back) == worktree / ".git"
    return folder if belongs and folder.name == worktree.name else None


def _read(path: Path) -> str:
    if not path.is_file():  # who reads a pipe may wait for ever
        raise ValueError(path)
    return path.read_text()
