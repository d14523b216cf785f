"""One frozen class a program: its settings, their units, bounds and defaults."""

from __future__ import annotations

import dataclasses
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Profile = Literal["local", "cluster"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]


def _bounded(default: Any, *, minimum: float = 0, maximum: float = 2**40) -> Any:
    """Return a field whose number lies between two bounds."""
    return dataclasses.field(default=default, metadata={"minimum": minimum, "maximum": maximum})


def _secret(default: Any) -> Any:
    """Return a field that no `repr` and so no log shows."""
    return dataclasses.field(default=default, repr=False)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every program reads."""

    home: Path
    """The folder of state: log, registry, logs, lock. Default by XDG."""
    profile: Profile = "local"
    """`local`: one person, one machine. `cluster`: many owners, keys by list."""
    nats_url: str | None = _secret(None)
    """The broker; it may carry a token. Unset: the embedded one. Several servers of one cluster
    stand with commas between them."""
    broker_monitor_url: str | None = None
    """The http port of a broker of one's own, where it says whether it syncs."""
    broker_durability: Literal["auto", "verified", "trusted"] = "auto"
    """`auto`: a broker that is seen not to sync before it acknowledges is refused; `verified`: one
    that cannot be seen, too; `trusted`: somebody else vouches for it."""
    replicas: int = _bounded(1, minimum=1, maximum=5)
    """How many servers of a cluster keep each stream; a larger number that is there stays."""
    store_limit_bytes: int | None = _bounded(None, minimum=64 * 1024 * 1024)
    """Of the broker's disk, for all streams together; unset: 9.4 GiB. Each has its part."""
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"
    """`auto`: console lines on a terminal, else JSON."""

    @property
    def lock_file(self) -> Path:
        """Held by the runtime of this home while it lives; its text is the runtime's pid."""
        return self.home / "runtime.lock"

    @property
    def state_file(self) -> Path:
        """What the runtime says of itself: pids, the broker's address, whether it is ready."""
        return self.home / "runtime.json"

    @property
    def log_folder(self) -> Path:
        """One file of log lines a program."""
        return self.home / "logs"


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Settings):
    """The model of sessions that name none."""

    provider: str | None = None
    model: str | None = None
    api_base: str | None = None
    api_key_ref: str | None = None
    """`env:NAME`, never a key."""
    summary_model: str | None = None
    """Who writes the summary when a conversation is compacted; unset: the session's model."""
    temperature: float | None = _bounded(None, maximum=2)
    max_tokens: int | None = _bounded(None, minimum=1, maximum=1_000_000)


@dataclass(frozen=True, kw_only=True)
class CoordinatorSettings(Settings):
    """The door."""

    inbox_limit: int = _bounded(64, minimum=1, maximum=10_000)
    """Messages of one session that may wait."""
    store_folder: Path | None = None
    """Where the broker keeps its streams, if that is on this machine: with less than 64 MiB free
    no message is taken. The embedded runtime sets it."""


@dataclass(frozen=True, kw_only=True)
class SessionManagerSettings(ModelSettings):
    """Lifecycle, limits and the registry."""

    session_limit: int | None = _bounded(10, minimum=1, maximum=1_000_000)
    """Open sessions; off in the cluster profile unless set."""
    idle_s: float | None = _bounded(300.0)
    """Without work for so long, a worker hibernates."""
    max_age_s: float | None = _bounded(None)
    """Older sessions are terminated."""
    retention_s: float | None = _bounded(None)
    """Terminated sessions are deleted after so long; unset: they are kept."""
    patrol_s: float | None = _bounded(86_400.0, minimum=1)
    """So often all logs are read whole, beside the first time after a start."""
    restart_limit: int = _bounded(10, maximum=1_000)
    restart_window_s: float = _bounded(60.0, minimum=1, maximum=86_400)
    """More than `restart_limit` deaths of a worker within this time end its session."""
    grace_s: float = _bounded(10.0, maximum=600)
    """Between asking a worker to end and ending it."""
    lease_ttl_s: int = _bounded(2, minimum=1, maximum=60)
    registry_path: Path | None = None
    """The SQLite file; None: `registry.db` in the home folder."""

    @property
    def registry(self) -> Path:
        """Where the registry is."""
        return self.registry_path or self.home / "registry.db"


@dataclass(frozen=True, kw_only=True)
class AgentSettings(Settings):
    """One machine's agent host and its workers."""

    host: str = ""
    """Name on the bus, one subject token; empty: made from the machine's name."""
    worker_capacity: int = _bounded(256, minimum=1, maximum=100_000)
    sandbox: Literal["auto", "off"] = "auto"
    """`off`: the owner of this machine opts out for all of its sessions."""
    tool_folders: tuple[Path, ...] = ()
    """Programs outside the system's folders that commands may run, such as a tool chain."""
    shared_folders: tuple[Path, ...] = ()
    """Folders on a volume that other machines' hosts have at the same path and name here too: a
    session in one may move to another machine when its host is gone."""
    host_lease_s: float = _bounded(10.0, minimum=3, maximum=3_600)
    """After so long without the broker this host ends its workers in shared folders."""
    fetch_hosts: tuple[str, ...] = ()
    """Whose pages the tool fetch may fetch: names, `*.name`, `*`. None: there is no such tool."""
    permission_rules: tuple[str, ...] = ()
    """Rules for every session on this machine: `allow shell git status`, `deny * .env`."""
    diagnostics: Literal["auto", "off"] = "auto"
    """`auto`: what is written in Python is checked by ruff and ty where the project uses them."""

    @property
    def host_name(self) -> str:
        """The name of this host on the bus."""
        return self.host or token_of(socket.gethostname())


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(ModelSettings):
    """The way to the models."""

    connect_timeout_s: float = _bounded(10.0, minimum=0.1)
    first_byte_timeout_s: float = _bounded(60.0, minimum=0.1)
    local_first_byte_timeout_s: float = _bounded(300.0, minimum=0.1)
    """The embedded model reads about 44 tokens a second."""
    silence_timeout_s: float = _bounded(30.0, minimum=0.1)
    whole_timeout_s: float = _bounded(600.0, minimum=0.1)
    circuit_open_s: float = _bounded(30.0, minimum=0.1, maximum=600)
    """A provider that failed 5 times within 10 s is left alone for so long."""
    concurrency: int = _bounded(200, minimum=1, maximum=10_000)
    """Model calls at once; more wait. 100 streams of 50 words a second take a quarter of a core."""
    owner_cost_usd: float | None = _bounded(None)
    """What the sessions of one owner may cost together in a period; unset: no limit."""
    owner_tokens: int | None = _bounded(None)
    """The same in tokens."""
    owner_period: Literal["day", "month"] = "month"
    """Of the calendar, UTC."""
    key_rules: tuple[dict[str, Any], ...] = ()
    """Cluster profile: `{reference, owners, hosts}`, which key may serve whom and go where."""
    model_cache: Path | None = None
    """Where the embedded model's file is joined; None: the user's cache folder."""


@dataclass(frozen=True, kw_only=True)
class RuntimeSettings(Settings):
    """The embedded runtime: broker and programs of one home."""

    port: int = _bounded(0, maximum=65_535)
    """Of the embedded broker on loopback; 0: a free one."""
    max_payload_bytes: int = _bounded(8 * 1024 * 1024, minimum=1024 * 1024)
    programs: tuple[str, ...] = ("llm_gateway", "coordinator", "session_manager", "agent")
    stop_s: float = _bounded(10.0, minimum=0.5, maximum=600)
    """After so long, programs that were asked to end are ended."""
    start_timeout_s: float = _bounded(60.0, minimum=1, maximum=600)


@dataclass(frozen=True, kw_only=True)
class ClientSettings(ModelSettings):
    """The faces."""

    request_timeout_s: float = _bounded(30.0, minimum=0.1, maximum=3_600)
    """How long a command is asked again before it counts as unanswered."""


PROGRAMS: tuple[type[Settings], ...] = (
    CoordinatorSettings,
    SessionManagerSettings,
    AgentSettings,
    GatewaySettings,
    RuntimeSettings,
    ClientSettings,
)
"""All that share one file of settings."""


def token_of(name: str) -> str:
    """Return `name` as one subject token: other characters become `-`, at most 64."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)[:64] or "host"
