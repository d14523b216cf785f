"""What decides over the owner's later commands, compared after each tool and put back.

A layer that cannot make `.git` read-only, and a project that has none yet, would let a command
plant a hook or a setting that the owner's next `git commit` runs. So: remembered before, compared
after; what was changed is put back, what was made is set aside, and the model is told. By then
every process of the command is gone, so nobody swaps anything under our hands.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

_SETTINGS = ("config", "config.worktree", "commondir")
_FOLDERS = ("hooks", "info")
_MOST_BYTES = 1024 * 1024
_ASIDE = ".git-made-by-a-tool"
Kept = tuple[int, bytes]
"""Mode and content of a file; mode 0 and the target of a link."""


class GitGuard:
    """The state of one project's `.git` before a command."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._git = self._root / ".git"
        self._identity = _identity(self._git)
        self._before = dict(_settings_of(self._git))

    def restore(self) -> tuple[str, ...]:
        """Put back what was changed; return a sentence for each thing that was done."""
        notes = list(self._restore_identity())
        if self._identity is not None and _identity(self._git) == self._identity:
            _remove_planted_links(self._git, self._before)
            notes += self._restore_settings()
        return tuple(notes)

    def _restore_identity(self) -> Iterator[str]:
        """Have the `.git` of before at its place, and no other."""
        now = _identity(self._git)
        if now == self._identity:
            return
        if now is not None:
            aside = self._root / f"{_ASIDE}-{os.urandom(3).hex()}"
            self._git.rename(aside)
            yield f".git was made by the command; it was set aside as {aside.name}"
        for entry in self._root.iterdir() if self._identity else ():
            if _identity(entry) == self._identity:
                entry.rename(self._git)
                yield f"{entry.name} is the project's .git and was moved back"
                return
        if self._identity is not None:
            yield "the project's .git is gone: the command removed or replaced it"

    def _restore_settings(self) -> list[str]:
        after = dict(_settings_of(self._git))
        changed = [
            name
            for name in sorted(self._before.keys() | after.keys())
            if self._before.get(name) != after.get(name)
        ]
        with contextlib.suppress(OSError):  # told all the same: that it was changed is known
            for name in changed:
                _put_back(self._git / name, self._before.get(name))
        return [f".git/{name} was changed by the command and was put back" for name in changed]


def nothing_to_restore() -> tuple[str, ...]:
    """Return no notes: the layer let nothing be changed, or the owner wants it so."""
    return ()


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, stat.S_IFMT(found.st_mode)


def _settings_of(git: Path) -> Iterator[tuple[str, Kept]]:
    """Yield each file that git runs or obeys; nothing that lies behind a link."""
    if _is_real_folder(git):
        yield from _contents(git, _SETTINGS)
        for folder in _FOLDERS:
            names = [f"{folder}/{entry}" for entry in _entries(git / folder)]
            yield from _contents(git, [folder, *names])
    else:
        yield from _contents(git, [""])  # a worktree's `.git` is a file that names the real one


def _entries(folder: Path) -> list[str]:
    return os.listdir(folder) if _is_real_folder(folder) else []  # noqa: PTH208 - names, not paths


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _contents(git: Path, names: Iterable[str]) -> Iterator[tuple[str, Kept]]:
    for name in names:
        path = git / name if name else git
        with contextlib.suppress(OSError):
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                yield name, (0, os.fsencode(path.readlink()))
            elif stat.S_ISREG(found.st_mode) and found.st_size <= _MOST_BYTES:
                yield name, (stat.S_IMODE(found.st_mode), path.read_bytes())


def _remove_planted_links(git: Path, before: dict[str, Kept]) -> None:
    """Take away links in the place of folders, before anything is written below them."""
    for folder in _FOLDERS:
        if (git / folder).is_symlink() and folder not in before:
            (git / folder).unlink()


def _put_back(path: Path, kept: Kept | None) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    if kept is None:
        return
    mode, content = kept
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode:
        path.write_bytes(content)
        path.chmod(mode)
    else:
        path.symlink_to(os.fsdecode(content))
