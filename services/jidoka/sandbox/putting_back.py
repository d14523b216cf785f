"""Writing files back into a project folder: each whole or not at all, through no link.

A file appears under a name of its own beside its place, then takes it. Whoever is killed in
between leaves at most that one name, which the same work, done again, takes away.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from jidoka.core.putting_back import Version

LINK: Final = "120000"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHER: Final = Version("", "")
"""What no snapshot has: a pipe, a file that is too large or cannot be read."""


class Folders:
    """Descriptors of folders below a root, reached name by name through no link at all.

    The last one stays open: paths that are sorted by folder are many in one.
    """

    def __init__(self, root: str) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._name, self._fd = "", self._root

    def __enter__(self) -> Folders:
        """Hold descriptors while the context lasts."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of them."""
        self.forget()
        os.close(self._root)

    def enter(self, folder: str, *, make: bool = False) -> int:
        """Return the descriptor of a folder, not to be closed; with `make` it is made if need be.

        Raises:
            OSError: there is none, or a link or a file stands in the way.
        """
        if folder == self._name:
            return self._fd
        self.forget()
        fd = self._root
        try:
            for name in folder.split("/") if folder else ():
                child = _child(fd, name, make=make)
                if fd != self._root:
                    os.close(fd)
                fd = child
        except BaseException:
            if fd != self._root:
                os.close(fd)
            raise
        self._name, self._fd = folder, fd
        return fd

    def forget(self) -> None:
        """Let go of the last folder: it may be another one now."""
        if self._fd != self._root:
            os.close(self._fd)
        self._name, self._fd = "", self._root


def _child(fd: int, name: str, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=fd)
    return os.open(name, _FOLDER, dir_fd=fd)


def versions(root: str, paths: Iterable[str], most_bytes: int) -> dict[str, Version | None]:
    """Return what stands at each path now; None: nothing."""
    with Folders(root) as folders:
        return {path: _version(folders, path, most_bytes) for path in paths}


def _version(folders: Folders, path: str, most_bytes: int) -> Version | None:
    folder, _, name = path.rpartition("/")
    try:
        return _version_in(folders.enter(folder), name, most_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return None  # a link or a file where a folder was: there is no such path
    except OSError:
        return _OTHER


def _version_in(fd: int, name: str, most_bytes: int) -> Version | None:
    found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        return Version(LINK, _name_of(os.fsencode(os.readlink(name, dir_fd=fd))))
    if stat.S_ISDIR(found.st_mode):
        return None  # its files have versions of their own
    if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
        return _OTHER
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, dir_fd=fd), "rb", buffering=0) as file:
        mode = "100755" if found.st_mode & stat.S_IXUSR else "100644"
        return Version(mode, _name_of(file.readall()))


def _name_of(content: bytes) -> str:
    """Return the name that git gives to a content; it is no question of security."""
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Writer:
    """Puts files back, those of one folder after the other to be quick."""

    folders: Folders

    def clean(self, path: str) -> None:
        """Take away what a writer that was killed has left beside a path."""
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(OSError):
            os.unlink(_beside(name), dir_fd=self.folders.enter(folder))

    def remove(self, path: str) -> None:
        """Remove a file, and the folders above it that are empty then.

        Raises:
            OSError: it cannot be removed.
        """
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(name, dir_fd=self.folders.enter(folder))
            while folder:
                above, _, last = folder.rpartition("/")
                try:
                    os.rmdir(last, dir_fd=self.folders.enter(above))
                except OSError:
                    return  # something else is in it
                folder = above

    def write(self, path: str, version: Version, content: bytes) -> None:
        """Write a file or link and the folders above it.

        Raises:
            OSError: it cannot be written, a folder of that name is in the way.
        """
        folder, _, name = path.rpartition("/")
        fd, beside = self.folders.enter(folder, make=True), _beside(name)
        try:
            _make(fd, beside, name, version, content)
        except FileExistsError:  # left by a writer that was killed
            os.unlink(beside, dir_fd=fd)
            _make(fd, beside, name, version, content)
        try:
            os.replace(beside, name, src_dir_fd=fd, dst_dir_fd=fd)
        except OSError:
            os.unlink(beside, dir_fd=fd)
            raise


def _make(fd: int, beside: str, name: str, version: Version, content: bytes) -> None:
    if version.mode == LINK:
        os.symlink(os.fsdecode(content), beside, dir_fd=fd)
        return
    executable = version.mode == "100755"
    new = os.open(beside, _NEW, 0o777 if executable else 0o666, dir_fd=fd)
    with os.fdopen(new, "wb", buffering=0) as file:
        _take_over(new, fd, name, executable=executable)
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) or 0 :]


def _take_over(new: int, fd: int, name: str, *, executable: bool) -> None:
    """Give a new file the owner and rights of the one whose place it takes."""
    try:
        before = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(before.st_mode):
        return
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):  # only root may give a file away
            os.fchown(new, before.st_uid, before.st_gid)
    rights = stat.S_IMODE(before.st_mode) & 0o777
    readers = (rights & 0o444) >> 2
    os.fchmod(new, rights | readers if executable else rights & ~0o111)


def _beside(name: str) -> str:
    key = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f".jidoka-undo-{key}"
