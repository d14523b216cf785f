"""Where the notes of a project are: in its folder, and above it up to its repository's root.

They are read, never written. What is above is only looked at where it belongs to who runs this, on
the same file system, below the home folder: a `.git` that somebody planted further up, in a shared
temporary folder for example, makes nobody's text part of a prompt.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

NAMES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md", ".cursorrules")
"""The first of these that is there counts, in each folder."""
_MOST_LEVELS = 16


def repository_of(root: str) -> str:
    """Return the root of the repository that `root` is in; itself where it is in none."""
    folder = Path(root)
    if (folder / ".git").exists():
        return root
    for above in list(folder.parents)[:_MOST_LEVELS]:
        if not _is_ours(above, folder):
            return root
        if (above / ".git").exists():
            return str(above)
    return root


def _is_ours(above: Path, below: Path) -> bool:
    if above in (Path("/"), Path.home()):
        return False
    try:
        upper, lower = above.stat(), below.stat()
    except OSError:
        return False
    return upper.st_uid == os.geteuid() and upper.st_dev == lower.st_dev


def places(root: str, repository: str) -> Iterator[tuple[str, str]]:
    """Yield each folder that may have notes, as it is called from the project and the repository.

    The repository's root comes first.
    """
    inner = Path(root).relative_to(repository).parts
    for depth in range(len(inner) + 1):
        climb = "../" * (len(inner) - depth)
        place = "/".join(inner[:depth])
        yield climb, f"{place}/" if place else ""
