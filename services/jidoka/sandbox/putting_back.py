"""Writing files back into a project folder: each whole or not at all, through no link.

A file appears under a name of its own beside its place, then takes it. Whoever is killed in
between leaves at most that one name, which the same work, done again, takes away.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final

from jidoka.core.putting_back import Version

LINK: Final = "120000"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHER: Final = Version("", "")
"""What no snapshot has: a pipe, a file that is too large or cannot be read."""


def versions(root: str, paths: Iterable[str], most_bytes: int) -> dict[str, Version | None]:
    """Return what stands at each path now; None: nothing."""
    return {path: _version(root, path, most_bytes) for path in paths}


def _version(root: str, path: str, most_bytes: int) -> Version | None:
    folder, _, name = path.rpartition("/")
    try:
        with _entered(root, folder, make=False) as fd:
            return _version_in(fd, name, most_bytes)
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
    with os.fdopen(os.open(name, flags, dir_fd=fd), "rb") as file:
        mode = "100755" if found.st_mode & stat.S_IXUSR else "100644"
        return Version(mode, _name_of(file.read()))


def _name_of(content: bytes) -> str:
    """Return the name that git gives to a content; it is no question of security."""
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Writer:
    """Puts files of one project folder back."""

    root: str

    def clean(self, paths: Iterable[str]) -> None:
        """Take away what a writer that was killed has left beside these paths."""
        for path in paths:
            folder, _, name = path.rpartition("/")
            with (
                contextlib.suppress(OSError),
                _entered(self.root, folder, make=False) as fd,
            ):
                os.unlink(_beside(name), dir_fd=fd)

    def remove(self, path: str) -> None:
        """Remove a file, and the folders above it that are empty then.

        Raises:
            OSError: it cannot be removed.
        """
        folder, _, name = path.rpartition("/")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            with _entered(self.root, folder, make=False) as fd:
                os.unlink(name, dir_fd=fd)
            while folder:
                above, _, last = folder.rpartition("/")
                with _entered(self.root, above, make=False) as fd:
                    try:
                        os.rmdir(last, dir_fd=fd)
                    except OSError:
                        return  # something else is in it
                folder = above

    def write(self, path: str, version: Version, content: bytes) -> None:
        """Write a file or link and the folders above it.

        Raises:
            OSError: it cannot be written, a folder of that name is in the way.
        """
        folder, _, name = path.rpartition("/")
        with _entered(self.root, folder, make=True) as fd:
            beside = _beside(name)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=fd)
            if version.mode == LINK:
                os.symlink(os.fsdecode(content), beside, dir_fd=fd)
            else:
                executable = version.mode == "100755"
                mode = 0o777 if executable else 0o666
                with os.fdopen(os.open(beside, _NEW, mode, dir_fd=fd), "wb") as file:
                    _take_over(file.fileno(), fd, name, executable=executable)
                    file.write(content)
            try:
                os.replace(beside, name, src_dir_fd=fd, dst_dir_fd=fd)
            except OSError:
                os.unlink(beside, dir_fd=fd)
                raise


def _take_over(new: int, fd: int, name: str, *, executable: bool) -> None:
    """Give a new file the owner and rights of the one whose place it takes."""
    try:
        before = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(before.st_mode):
        return
    with contextlib.suppress(PermissionError):  # only root may give a file away
        os.fchown(new, before.st_uid, before.st_gid)
    rights = stat.S_IMODE(before.st_mode) & 0o777
    readers = (rights & 0o444) >> 2
    os.fchmod(new, rights | readers if executable else rights & ~0o111)


def _beside(name: str) -> str:
    key = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return f".jidoka-undo-{key}"


@contextlib.contextmanager
def _entered(root: str, folder: str, *, make: bool) -> Generator[int]:
    """Give the descriptor of a folder, reached name by name through no link at all."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folder.split("/") if folder else ():
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=fd)
            child = os.open(name, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = child
        yield fd
    finally:
        os.close(fd)
