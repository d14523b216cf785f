"""The home folder of a runtime: its lock, its token, its state file, its logs."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from jidoka.contract.errors import RuntimeExists, StorageNotWritable
from jidoka.settings import Settings

PRIVATE_FOLDER: Final = 0o700
PRIVATE_FILE: Final = 0o600
LOG_BYTES: Final = 8 * 1024 * 1024
"""A larger log is put aside; the one that was put aside before is forgotten."""


def prepare(settings: Settings) -> None:
    """Make the home folder and those in it, readable by their owner alone.

    Raises:
        StorageNotWritable: the folder cannot be made or written.
    """
    try:
        for folder in (settings.home, settings.log_folder, settings.home / "broker"):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            folder.chmod(PRIVATE_FOLDER)
        with tempfile.TemporaryFile(dir=settings.home) as probe:
            probe.write(b"jidoka")
    except OSError:
        raise StorageNotWritable(path=str(settings.home)) from None


@contextmanager
def locked(settings: Settings) -> Generator[None]:
    """Hold the home as long as the context lasts; a dead process holds nothing.

    Raises:
        RuntimeExists: another runtime has it.
    """
    descriptor = os.open(settings.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = lock.read().strip()
            holder = int(text) if text.isdecimal() else None
            raise RuntimeExists(pid=holder, home=str(settings.home)) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def token_of_home(settings: Settings) -> str:
    """Return the random token of this home's broker; it is made once and kept in a 0600 file."""
    path = settings.home / "broker" / "token"
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(32)
        write_private(path, token)
        return token


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def write_state(settings: Settings, state: dict[str, Any]) -> None:
    """Say what runs; the broker's address in it carries the token."""
    write_private(settings.state_file, json.dumps(state, indent=2) + "\n")


def forget_state(settings: Settings) -> None:
    """Take the state file away: nothing runs any more."""
    settings.state_file.unlink(missing_ok=True)


def log_file(settings: Settings, name: str) -> Path:
    """Return where a program's lines go."""
    return settings.log_folder / f"{name}.log"


def bound_logs(settings: Settings) -> None:
    """Put what is in a log that has grown large aside, as `<name>.log.1`, and begin it anew.

    It is copied, not moved: the programs have it open, and go on at its end, then its start.
    """
    for path in settings.log_folder.glob("*.log"):
        if path.stat().st_size > LOG_BYTES:
            with suppress(OSError):  # on a full disk nothing is put aside, and room is made
                shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
