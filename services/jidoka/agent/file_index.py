"""Which files a project has, as much as a model needs to know of it: ignored ones are left out.

The folder is walked by descriptors, and no link is followed, so that it never shows what is
outside. Time, entries and the size of the text are bounded. Blocking: a large one is for a thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

MOST_ENTRIES = 20_000
MOST_SECONDS = 0.5
MOST_BYTES = 8_192
"""Of the text."""
MOST_DEPTH = 64
"""Folders within folders; what lies deeper is not looked at."""
_MOST_IGNORE_BYTES = 65_536
_SKIPPED = frozenset({".git", ".jidoka", "node_modules", ".venv", "venv", "__pycache__", ".tox"})


class Rules(Protocol):
    """What one .gitignore says."""

    def match_file(self, file: str) -> bool:
        """Tell whether a path, relative to the folder of the rules, is ignored."""
        ...


@dataclass(slots=True)
class _Walk:
    until_s: float
    most: int = MOST_ENTRIES
    seen: int = 0
    whole: bool = True
    files: list[str] = field(default_factory=list[str])

    def may_go_on(self) -> bool:
        self.whole = self.seen < self.most and time.monotonic() < self.until_s
        return self.whole


class NotWhole(Exception):  # noqa: N818 - no error: somebody has to take more time
    """The folder is larger than what was to be looked at."""


def index_of(root: int, most: int = MOST_ENTRIES, *, whole: bool = False) -> str:
    """Return the files below the folder with the descriptor `root`, one a line, sorted.

    Where they are too many for the text, folders with their number of files stand for them.

    Raises:
        NotWhole: `whole` was wanted, and there are more than `most` entries.
    """
    walk = _Walk(time.monotonic() + MOST_SECONDS, most)
    _into(root, "", (), walk)
    if whole and not walk.whole:
        raise NotWhole
    files = sorted(walk.files)
    text = "\n".join(files)
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        text = _as_folders(files)
    return text if walk.whole else f"{text}\n(and more: the project is large)".strip()


def _into(folder: int, prefix: str, rules: tuple[tuple[str, Rules], ...], walk: _Walk) -> None:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    own = _rules_in(folder, found)
    rules = (*rules, (prefix, own)) if own is not None else rules
    folders: list[tuple[str, str]] = []
    for entry in found:
        walk.seen += 1
        if not walk.may_go_on():
            return
        path, is_folder = f"{prefix}{entry.name}", entry.is_dir(follow_symlinks=False)
        if entry.name in _SKIPPED or _is_ignored(f"{path}/" if is_folder else path, rules):
            continue
        if is_folder and path.count("/") < MOST_DEPTH:
            folders.append((entry.name, f"{path}/"))
        elif not is_folder:
            walk.files.append(_told(path))
    for name, path in folders:
        for child in _opened(name, folder):
            _into(child, path, rules, walk)


def _told(path: str) -> str:
    """Return a path on one line, quoted as git does where its name holds line breaks and such."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if text.isprintable():
        return text
    told = (each if each.isprintable() else repr(each)[1:-1] for each in text)
    return f'"{"".join(told)}"'


def _opened(name: str, parent: int) -> Iterator[int]:
    """Yield the descriptor of a folder, none where it is gone, a link by now, or not ours."""
    try:
        child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except OSError:
        return
    try:
        yield child
    finally:
        os.close(child)


def _rules_in(folder: int, entries: Iterable[os.DirEntry[str]]) -> Rules | None:
    if all(entry.name != ".gitignore" for entry in entries):
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with os.fdopen(os.open(".gitignore", flags, dir_fd=folder), "rb") as file:
            text = file.read(_MOST_IGNORE_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - most workers never read one

    try:
        return GitIgnoreSpec.from_lines(text.splitlines())
    except ValueError:  # a pattern that git would pass over too
        return None


def _is_ignored(path: str, rules: Iterable[tuple[str, Rules]]) -> bool:
    return any(each.match_file(path[len(prefix) :]) for prefix, each in rules)


def _as_folders(files: Iterable[str]) -> str:
    """Return folders with how many files are right in them, the outer ones first."""
    counts: dict[str, int] = {}
    for file in files:
        folder = file.rpartition("/")[0] or "."
        counts[folder] = counts.get(folder, 0) + 1
    lines: list[str] = []
    size = 0
    for folder in sorted(counts, key=lambda path: (path.count("/"), path)):
        line = f"{folder}/ ({counts[folder]} files)"
        size += len(line.encode("utf-8", "replace")) + 1
        if size > MOST_BYTES:
            lines.append(f"({len(counts) - len(lines)} more folders)")
            break
        lines.append(line)
    return "\n".join(lines)
