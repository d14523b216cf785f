"""Which folders may be projects, and which sessions would be in each other's way. Pure paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from jidoka.contract.content import Sharing
from jidoka.core.session_row import SessionRow

_SYSTEM: Final = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32"),
    *("/proc", "/run", "/sbin", "/sys", "/usr"),
)
"""With all that is beneath them."""
_OF_PEOPLE: Final = ("/usr/src", "/usr/local/src", "/dev/shm")  # noqa: S108 - a name, not a file
"""Beneath these it is a person's again."""
_SHELVES: Final = frozenset({"/", "/home", "/media", "/mnt", "/opt", "/srv", "/var"})
"""They hold others' folders and are no project themselves."""


def is_beneath(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or beneath it; both are real paths. `/ab` is not in `/a`."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def why_forbidden(path: str, home: str | None) -> str | None:
    """Return why the real path `path` cannot be a project, None when it can.

    `home` is the real path of jidoka's own folder, which holds the log and the broker's token; None
    for a worktree that we made in it ourselves.
    """
    if path in _SHELVES:
        return "it is a system folder"
    if any(is_beneath(path, folder) for folder in _SYSTEM):
        theirs = any(is_beneath(path, folder) and path != folder for folder in _OF_PEOPLE)
        return None if theirs else "it is a system folder"
    if home is None:
        return None
    if is_beneath(path, home):
        return "it is jidoka's own folder"
    if is_beneath(home, path):
        return "jidoka's own folder is in it"
    return None


def in_the_way(
    path: str, sharing: Sharing, others: Iterable[SessionRow], own_id: str = ""
) -> SessionRow | None:
    """Return an open session that holds the folder, one in it or one around it; None: it is free.

    Sessions that all share may be in one folder together.
    """
    for row in others:
        if row.session_id == own_id or not row.is_open:
            continue
        if sharing is Sharing.SHARED and row.sharing == Sharing.SHARED:
            continue
        if is_beneath(path, row.project_path) or is_beneath(row.project_path, path):
            return row
    return None
