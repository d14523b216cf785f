"""The checks of `jidoka doctor`, each one function, each with a time limit."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from jidoka.cli import local_runtime
from jidoka.contract.errors import JidokaError
from jidoka.settings import AgentSettings, RuntimeSettings, check_all, load
from jidoka.settings.storage import room_in

LIMIT_S: Final = 10.0
OLDEST_PYTHON: Final = (3, 11)
KEYS: Final = (
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "MISTRAL_API_KEY",
    "OPENROUTER_API_KEY",
    "DEEPSEEK_API_KEY",
    "GROQ_API_KEY",
    "XAI_API_KEY",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    state: Literal["ok", "warning", "bad"]
    text: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])


def findings() -> list[Finding]:
    """Return what every check found, in the order in which a person wants to know."""
    found = [_python()]
    try:
        settings = local_runtime.settings_of_runtime()
    except JidokaError as problem:
        return [*found, Finding("settings", "bad", problem.message)]
    found += [*_settings(), _program("git", needed=False), _program("rg", needed=False)]
    found += [_program("nats-server", needed=True), _home(settings), *_runtime(settings)]
    found += [_sandbox(), _keys(), _local_model(), _program("docker", needed=False), _terminal()]
    return found


def _python() -> Finding:
    version = platform.python_version()
    fits = sys.version_info[:2] >= OLDEST_PYTHON
    return Finding("python", "ok" if fits else "bad", f"{version} at {sys.executable}")


def _settings() -> list[Finding]:
    """Return what keeps a program from starting, nothing where nothing does."""
    from jidoka.client.policy import rules_of  # noqa: PLC0415

    try:
        check_all(os.environ)
        rules_of("\n".join(load(AgentSettings, os.environ).permission_rules), "permission_rules")
    except JidokaError as problem:
        return [Finding("settings", "bad", problem.message)]
    return []


def _program(name: str, *, needed: bool) -> Finding:
    beside = Path(sysconfig.get_path("scripts")) / name
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        return Finding(name, "bad" if needed else "warning", "not found")
    said = _said([path, "--version"])
    return Finding(name, "ok" if said else "warning", f"{said or 'does not answer'} ({path})")


def _said(command: list[str]) -> str:
    """Return the first line of what a program says, nothing where it fails."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.partition("\n")[0].strip()


def _home(settings: RuntimeSettings) -> Finding:
    home = settings.home
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    room = room_in(home)
    details = {"home": str(home), "free_bytes": room.free_bytes}
    text = f"{home}, {room.free_bytes / 1e9:.1f} GB free"
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding("home", "bad", f"{text}: cannot be written, set JIDOKA_HOME", details)
    if room.state == "full":
        return Finding("home", "bad", f"{text}: no message is taken before more", details)
    if room.state == "low":
        return Finding("home", "warning", f"{text}: soon too little", details)
    if home.exists() and home.stat().st_mode & 0o077:
        return Finding("home", "warning", f"{text}: others may read it", details)
    return Finding("home", "ok", text, details)


def _runtime(settings: RuntimeSettings) -> list[Finding]:
    if settings.nats_url:
        return [
            Finding("runtime", "ok", "JIDOKA_NATS_URL names a broker; no embedded one"),
            *_bus(),
            _durability(settings),
        ]
    local = local_runtime.found(settings)
    if local is None:
        return [Finding("runtime", "warning", "not up; `jidoka up --detach` starts it")]
    names = ", ".join(str(each["name"]) for each in local.programs)
    finding = Finding("runtime", "ok", f"pid {local.pid}: {names}", {"pid": local.pid})
    return [finding, *_bus(), _jetstream(local), _marks(settings)]


def _bus() -> list[Finding]:
    """Ask for the sessions, through every program that has to answer, and whose network is on."""
    from jidoka.cli.door import with_client  # noqa: PLC0415

    try:
        sessions = with_client(lambda client: client.list_sessions())
    except JidokaError as problem:
        return [Finding("bus", "bad", problem.message)]
    opened = [session for session in sessions if session.status != "closed"]
    count = len(opened)
    online = [session.session_id for session in opened if session.network]
    text = f"commands reach none, but for: {', '.join(online) or 'no session'}"
    return [
        Finding("bus", "ok", f"answers; open sessions: {count}", {"sessions": count}),
        Finding("network", "ok", text, {"sessions": online}),
        _logs([session.session_id for session in sessions if session.degraded]),
    ]


def _logs(degraded: list[str]) -> Finding:
    """Say which sessions have lost a part of their log."""
    details = {"degraded": degraded}
    if not degraded:
        return Finding("logs", "ok", "nothing is known to be missing", details)
    text = f"a part is missing of: {', '.join(degraded)}; `jidoka session show ID` says which"
    return Finding("logs", "bad", text, details)


def _jetstream(local: local_runtime.Local) -> Finding:
    """Read back from the broker itself how it stores."""
    try:
        with urllib.request.urlopen(f"{local.monitor_url}/jsz", timeout=LIMIT_S) as answer:  # noqa: S310 - our own loopback address
            said: dict[str, Any] = json.load(answer)
    except (OSError, ValueError) as problem:
        return Finding("jetstream", "bad", f"does not say how it stores: {problem}")
    syncs = said["config"].get("sync_always") is True
    details = {"sync_always": syncs, "disk_bytes": said["storage"], "messages": said["messages"]}
    mode = "syncs before it acknowledges" if syncs else "may lose what it acknowledged"
    text = f"{mode}; {said['storage'] / 1e6:.1f} MB on disk, {said['messages']} messages"
    return Finding("jetstream", "ok" if syncs else "bad", text, details)


def _durability(settings: RuntimeSettings) -> Finding:
    """Ask a broker of one's own whether it syncs, where its monitoring port is known."""
    url, said = settings.broker_monitor_url, settings.broker_durability
    if url is None:
        text = "cannot be seen from here: set JIDOKA_BROKER_MONITOR_URL to the broker's http port"
        return Finding("durability", "warning", text, {"sync_always": None, "setting": said})
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/jsz", timeout=LIMIT_S) as answer:  # noqa: S310 - the owner's own setting
            syncs = json.load(answer)["config"].get("sync_always") is True
    except (OSError, ValueError, KeyError) as problem:
        return Finding("durability", "bad", f"{url} does not say how it stores: {problem}")
    mode = "syncs before it acknowledges" if syncs else "may lose what it acknowledged"
    details = {"sync_always": syncs, "setting": said}
    return Finding("durability", "ok" if syncs else "bad", mode, details)


def _marks(settings: RuntimeSettings) -> Finding:
    """Look whether there is anything to compare the logs with."""
    path = settings.home / "marks"
    if path.exists() and path.stat().st_size:
        return Finding("marks", "ok", f"{path}: how far each log was")
    text = "none: a log that was cut off cannot be told from a whole one"
    return Finding("marks", "warning", text)


def _sandbox() -> Finding:
    """Ask the sandbox, as a process, which layer holds and why not a stronger one."""
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "jidoka.sandbox.report"],
            capture_output=True,
            text=True,
            timeout=4 * LIMIT_S,
            check=False,
        )
        said: dict[str, Any] = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as problem:
        return Finding("sandbox", "warning", f"cannot be probed: {type(problem).__name__}")
    layer = str(said.get("layer", "none"))
    state = "ok" if layer not in ("none", "off") else "bad"
    return Finding("sandbox", state, f"{layer}: {said.get('why', '')}", {"layer": layer, **said})


def _keys() -> Finding:
    present = [name for name in KEYS if os.environ.get(name)]
    details = {"present": present, "absent": [name for name in KEYS if name not in present]}
    text = f"set: {', '.join(present)}" if present else "none set here"
    return Finding("keys", "ok" if present else "warning", text, details)


def _local_model() -> Finding:
    engine = importlib.util.find_spec("xllamacpp") is not None
    how = "installed" if engine else "not installed: pip install 'jidoka[local]'"
    return Finding("local model", "ok" if engine else "warning", how, {"installed": engine})


def _terminal() -> Finding:
    name = os.environ.get("TERM_PROGRAM") or os.environ.get("TERM") or "unknown"
    kind = "a terminal" if sys.stdout.isatty() else "not a terminal"
    return Finding("terminal", "ok", f"{name}, {kind}", {"term": name})
