"""The embedded runtime as a process: found by its state file, started, ended. Never imported."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jidoka.contract.errors import (
    JidokaError,
    StorageNotWritable,
    TimedOut,
    Unavailable,
    from_dict,
)
from jidoka.settings import RuntimeSettings, load

POLL_S: Final = 0.05
MODULE: Final = "jidoka.runtime"


@dataclass(frozen=True, slots=True)
class Local:
    """What the runtime of a home says of itself."""

    pid: int
    ready: bool
    nats_url: str
    monitor_url: str
    programs: tuple[Mapping[str, Any], ...]


def found(settings: RuntimeSettings) -> Local | None:
    """Return the runtime that lives in this home, None where none does."""
    try:
        state = json.loads(settings.state_file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not _is_runtime(int(state["pid"])):
        return None
    return Local(
        pid=int(state["pid"]),
        ready=bool(state["ready"]),
        nats_url=str(state["nats_url"]),
        monitor_url=str(state["monitor_url"]),
        programs=tuple(state["programs"]),
    )


def holder(settings: RuntimeSettings) -> int | None:
    """Return the pid of the runtime that holds this home, also while it starts or ends."""
    try:
        text = settings.lock_file.read_text("ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and _is_runtime(int(text)) else None


def url_of_bus(settings: RuntimeSettings) -> str:
    """Return the broker's address, after starting the embedded runtime where there is none."""
    if settings.nats_url:
        return settings.nats_url
    local = found(settings)
    if local is None or not local.ready:
        local = started(settings)
    return local.nats_url


def started(settings: RuntimeSettings) -> Local:
    """Return the runtime of this home: started, or the one that somebody else just starts."""
    if holder(settings) is not None:
        return _until_ready(settings)
    try:
        return start(settings)
    except JidokaError as problem:
        if problem.code != "runtime_exists":
            raise
        return _until_ready(settings)


def start(settings: RuntimeSettings) -> Local:
    """Start a runtime that outlives this process; return it when it is ready.

    Raises:
        RuntimeExists, StorageNotWritable, PortInUse, InvalidMessage: why it cannot be.
        Unavailable: it ended, or was not ready in time.
    """
    log = settings.log_folder / "runtime.log"
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = log.open("ab")
    except OSError:
        raise StorageNotWritable(path=str(settings.home)) from None
    with (
        lines,
        subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=lines,
            cwd=settings.home,
            start_new_session=True,
        ) as process,
    ):
        process_says = _first_line(process, settings.start_timeout_s + 5)
        process.returncode = 0  # it is not ours to wait for: it lives on
    return _heard(settings, process_says, log)


def stop(settings: RuntimeSettings) -> int | None:
    """End the runtime of this home; return its former pid, None where there was none.

    Raises:
        TimedOut: it is still there.
    """
    pid = holder(settings)
    if pid is None:
        return None
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    limit_s = settings.stop_s + 5
    until = time.monotonic() + limit_s
    while _is_runtime(pid):
        if time.monotonic() > until:
            raise TimedOut(after_s=limit_s)
        time.sleep(POLL_S)
    return pid


def settings_of_runtime() -> RuntimeSettings:
    """Return the settings that name home and broker."""
    return load(RuntimeSettings, os.environ)


def _first_line(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """Return what the runtime says first, nothing if it does not in time."""
    pipe = process.stdout
    if pipe is None:
        return b""
    readable, _, _ = select.select([pipe], [], [], timeout_s)
    return pipe.readline() if readable else b""


def _heard(settings: RuntimeSettings, line: bytes, log: Path) -> Local:
    said: dict[str, Any] = json.loads(line) if line.startswith(b"{") else {}
    if "error" in said:
        raise from_dict(said["error"])
    local = found(settings)
    if "ready" not in said or local is None:
        raise Unavailable(part="the runtime", why=f"it did not start; its log is {log}")
    return local


def _until_ready(settings: RuntimeSettings) -> Local:
    limit_s = settings.start_timeout_s
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        local = found(settings)
        if local is not None and local.ready:
            return local
        if holder(settings) is None:
            return start(settings)
        time.sleep(POLL_S)
    raise Unavailable(part="the runtime", why=f"not ready after {limit_s:g} s")


def _is_runtime(pid: int) -> bool:
    """Tell whether a process is there and is a runtime, not another with the same number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return MODULE.encode() in words and state != "Z"
