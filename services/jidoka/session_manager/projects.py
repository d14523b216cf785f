"""The project folder as it is on this machine: checked, and for a worktree made."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from jidoka.contract.errors import (
    ProjectForbidden,
    ProjectNotAbsolute,
    ProjectNotDirectory,
    ProjectNotFound,
)
from jidoka.core.folders import why_forbidden

GIT_TIMEOUT_S: Final = 60.0
LOOK_TIMEOUT_S: Final = 5.0
"""A network folder that does not answer is not there."""
_MOST_COMPLAINT: Final = 300
# neither hooks nor a monitor of the project's own configuration run for us
_GIT: Final = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


async def checked(path: str, home: Path | None) -> str:
    """Return the real path of a project folder; `home` is ours, None for a worktree that we made.

    Raises:
        ProjectNotAbsolute, ProjectNotFound, ProjectNotDirectory, ProjectForbidden: what is wrong.
    """
    if not path.startswith("/"):
        raise ProjectNotAbsolute(path=path)
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            return await asyncio.to_thread(_checked, path, home)
    except TimeoutError:
        raise ProjectNotFound(path=path) from None


def _checked(path: str, home: Path | None) -> str:
    try:
        real = os.path.realpath(path, strict=True)
        real.encode()
    except PermissionError:
        raise ProjectForbidden(path=path, why="it cannot be reached") from None
    except UnicodeEncodeError:
        raise ProjectForbidden(path=path, why="its name is not UTF-8") from None
    except (OSError, ValueError):
        raise ProjectNotFound(path=path) from None
    if not Path(real).is_dir():
        raise ProjectNotDirectory(path=path)
    if why := why_forbidden(real, os.path.realpath(home) if home else None):
        raise ProjectForbidden(path=path, why=why)
    if not os.access(real, os.R_OK | os.X_OK):
        raise ProjectForbidden(path=path, why="it cannot be read")
    return real


async def make_worktree(real: str, session_id: str, home: Path) -> str:
    """Return the real path of a new git worktree of the project at `real`, on a branch of its own.

    One that an earlier try has made is taken as it is.

    Raises:
        ProjectForbidden: git cannot make one there; the reason is git's.
    """
    folder = await asyncio.to_thread(_worktrees, home) / session_id
    if (folder / ".git").exists():
        return str(folder)
    branch = f"jidoka/{session_id}"
    complaint = await _git(real, "worktree", "add", "--quiet", "-B", branch, str(folder))
    if complaint is not None:
        raise ProjectForbidden(path=real, why=f"git made no worktree ({complaint})")
    return str(folder)


async def make_folder(session_id: str, home: Path) -> str:
    """Return the real path of a folder of the session's own, beside the worktrees."""
    folder = await asyncio.to_thread(_worktrees, home) / session_id
    folder.mkdir(exist_ok=True)
    return str(folder)


async def is_repository(real: str) -> bool:
    """Tell whether git takes a folder for a part of a repository."""
    return await _git(real, "rev-parse", "--git-dir") is None


def _worktrees(home: Path) -> Path:
    folder = Path(os.path.realpath(home)) / "worktrees"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _git(real: str, *args: str) -> str | None:
    """Run git in a folder; return what it complains about, None when it is content."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "GIT_TERMINAL_PROMPT": "0"}
    try:
        process = await asyncio.create_subprocess_exec(
            *_GIT,
            *args,
            cwd=real,
            env=environment | {"LC_ALL": "C", "HOME": os.environ.get("HOME", "/")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError:
        return "there is no git"
    try:
        async with asyncio.timeout(GIT_TIMEOUT_S):
            _, said = await process.communicate()
    except TimeoutError:
        return f"no end after {GIT_TIMEOUT_S:g} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):  # it has ended, and nobody told us yet
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    text = said.decode("utf-8", "replace").strip()[:_MOST_COMPLAINT]
    return None if process.returncode == 0 else text or f"exit code {process.returncode}"
