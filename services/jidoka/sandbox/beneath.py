"""The project's files, resolved beneath its root by the kernel.

    path as asked ─ place ─► relative to the root ─ openat2(BENEATH) ─► a descriptor
                                                                          │ never a path again
    writes: folder's descriptor ─ temporary, fsync, rename, fsync ────────┘

Looking first and opening afterwards loses a race against who swaps a folder for a link; here the
kernel resolves and refuses in one step, and everything after it works on descriptors.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path
from urllib.parse import unquote

from jidoka.contract.errors import (
    PathNotFound,
    PathOutsideProject,
    PathProtected,
    ToolFailed,
)
from jidoka.sandbox.syscalls import OPENAT2, syscall

MAX_PATH_BYTES = 4096
PROTECTED = frozenset({".git", ".jidoka"})
"""Names that no tool writes to, wherever in the path: they decide what runs for the owner later."""
_BENEATH = 0x08
_NO_MAGICLINKS = 0x02
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_UNWRITTEN = errno.ENOSYS, errno.EPERM


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


class Beneath:
    """The files of one project folder; the port `ProjectFiles`."""

    def __init__(self, root: str) -> None:
        path = Path(root)
        self._names = tuple(dict.fromkeys((str(path.resolve()), str(path.absolute()))))
        self._fd = os.open(root, _FOLDER)

    @property
    def root(self) -> str:
        """The real path of the folder."""
        return self._names[0]

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._fd)

    def place(self, path: str) -> str:
        """Return `path` relative to the root, `.` for the root itself."""
        _refuse_odd(path)
        relative = self._strip_root(path)
        parts = [part for part in relative.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise PathOutsideProject(path=path, rule="'..' is not followed")
        return "/".join(parts) or "."

    def _strip_root(self, path: str) -> str:
        if not path.startswith("/"):
            return path
        for name in self._names:
            # with the slash: /project2 begins with /project too
            if path == name or path.startswith(name.rstrip("/") + "/"):
                return path[len(name) :]
        raise PathOutsideProject(path=path, rule="absolute and not below the project")

    def place_to_write(self, path: str) -> str:
        """Return `path` as `place` does; refuse what no tool writes, whatever is there."""
        place = self.place(path)
        if place == ".":
            raise ToolFailed(reason=f"{path!r} is the project folder itself")
        _refuse_protected_names(place, path)
        return place

    def open_file(self, path: str) -> int:
        """Return a descriptor for reading a regular file."""
        with _as_tool_errors(path):
            # without O_NONBLOCK a pipe that nobody writes to would hold us for ever
            fd = self._open(self.place(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        raise ToolFailed(reason=f"{path!r} is no regular file")

    def open_folder(self, path: str) -> int:
        """Return a descriptor for listing a folder."""
        with _as_tool_errors(path):
            return self._open(self.place(path), _FOLDER)

    def replace(self, path: str, data: bytes) -> None:
        """Write a whole file and the folders above it: readers see the old or the new."""
        folder, name = self._split_for_writing(path)
        with _as_tool_errors(path), _closing(self._make_folders(folder, path)) as fd:
            before = _writable_target(fd, name, path)
            _write_atomically(fd, name, data, before)

    def remove(self, path: str) -> None:
        """Remove a regular file."""
        folder, name = self._split_for_writing(path)
        with _as_tool_errors(path), _closing(self._open(folder, _FOLDER)) as fd:
            self._refuse_protected(fd, path)
            if _writable_target(fd, name, path) is None:
                raise PathNotFound(path=path)
            os.unlink(name, dir_fd=fd)
            os.fsync(fd)

    def _split_for_writing(self, path: str) -> tuple[str, str]:
        folder, _, name = self.place_to_write(path).rpartition("/")
        return folder or ".", name

    def _make_folders(self, folder: str, path: str) -> int:
        """Return the descriptor of `folder`, making what is missing, one name at a time."""
        parts = [] if folder == "." else folder.split("/")
        fd = self._open(".", _FOLDER)
        try:
            for depth, part in enumerate(parts, start=1):
                child = self._enter(fd, part, "/".join(parts[:depth]))
                os.close(fd)
                fd = child
                self._refuse_protected(fd, path)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _enter(self, parent: int, name: str, place: str) -> int:
        try:
            return self._open(place, _FOLDER)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=parent)
            os.fsync(parent)
            return self._open(place, _FOLDER)

    def _refuse_protected(self, fd: int, path: str) -> None:
        """Look where a folder really is: a link inside the project may lead into `.git`."""
        root, real = (str(Path(f"/proc/self/fd/{one}").readlink()) for one in (self._fd, fd))
        _refuse_protected_names(real.removeprefix(root), path)

    def _open(self, place: str, flags: int) -> int:
        how = _OpenHow(flags, 0, _BENEATH | _NO_MAGICLINKS)
        try:
            return _openat2(self._fd, os.fsencode(place), how)
        except OSError as error:
            if error.errno not in _UNWRITTEN:
                raise
            return _walk(self._fd, place, flags)


def _openat2(root: int, place: bytes, how: _OpenHow) -> int:
    for _ in range(64):
        # EAGAIN: somebody renamed a folder on the way; the kernel does not guess, we ask again
        with contextlib.suppress(BlockingIOError):
            return syscall(OPENAT2, root, place, how, ctypes.sizeof(how))
    raise OSError(errno.EXDEV, "renamed over and over")


def _walk(root: int, place: str, flags: int) -> int:
    """Open one name after the other, no link at all: where the kernel or a filter lacks openat2."""
    fd = os.dup(root)
    *folders, last = place.split("/")
    try:
        for name in folders:
            child = _step(fd, name, _FOLDER)
            os.close(fd)
            fd = child
        return _step(fd, last, flags)
    finally:
        os.close(fd)


def _step(fd: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=fd)
    except NotADirectoryError:
        # with O_DIRECTORY a link is "no folder" to the kernel; who asked should hear which it is
        if stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "a link") from None
        raise


def _refuse_odd(path: str) -> None:
    """Refuse what means something else to who reads it than to the kernel."""
    try:
        size = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise PathOutsideProject(path=repr(path), rule="not encodable") from None
    if size > MAX_PATH_BYTES:
        raise PathOutsideProject(path=path[:80] + "…", rule=f"over {MAX_PATH_BYTES} bytes")
    if "\0" in path:
        raise PathOutsideProject(path=path, rule="a NUL byte")
    if path.startswith("~"):
        raise PathOutsideProject(path=path, rule="'~' is not expanded")
    decoded = path
    for _ in range(3):  # encoded twice is an old trick too
        decoded = unquote(decoded)
        climbs = ".." in decoded.split("/") and ".." not in path.split("/")
        if climbs or "\0" in decoded or decoded.startswith("/") > path.startswith("/"):
            raise PathOutsideProject(path=path, rule="URL-encoded")


def _refuse_protected_names(place: str, path: str) -> None:
    for part in place.split("/"):
        if part.casefold() in PROTECTED:
            raise PathProtected(path=path, rule=f"{part} is read-only for tools")


def _writable_target(fd: int, name: str, path: str) -> os.stat_result | None:
    """Return what stands at `name` now, None for nothing; refuse what is no plain file of ours."""
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise PathOutsideProject(path=path, rule="a symbolic link is not written through")
    if not stat.S_ISREG(found.st_mode):
        raise ToolFailed(reason=f"{path!r} is no regular file")
    if found.st_nlink > 1:
        raise PathProtected(path=path, rule="the file has a second name, maybe outside")
    return found


def _write_atomically(fd: int, name: str, data: bytes, before: os.stat_result | None) -> None:
    temporary = f".{name[:40]}.{os.urandom(6).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, 0o666, dir_fd=fd), "wb") as file:
            if before is not None:
                _keep_owner_and_mode(file.fileno(), before)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=fd)
        raise
    os.fsync(fd)


def _keep_owner_and_mode(fd: int, before: os.stat_result) -> None:
    with contextlib.suppress(PermissionError):  # only root may give a file away
        os.fchown(fd, before.st_uid, before.st_gid)
    os.fchmod(fd, stat.S_IMODE(before.st_mode))


@contextlib.contextmanager
def _closing(fd: int) -> Generator[int]:
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _as_tool_errors(path: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.EXDEV:
                raise PathOutsideProject(path=path, rule="a link leads out") from None
            case errno.ELOOP:
                raise PathOutsideProject(path=path, rule="a link is not followed here") from None
            case errno.ENOENT:
                raise PathNotFound(path=path) from None
            case errno.ENAMETOOLONG:
                reason = f"a name in {path[:80] + '…'!r} is too long, 255 bytes are the most"
                raise ToolFailed(reason=reason) from None
            case errno.ENOTDIR:
                raise ToolFailed(reason=f"a part of {path!r} is no folder") from None
            case _:
                reason = f"{path!r}: {error.strerror}"
                raise ToolFailed(reason=reason) from None
