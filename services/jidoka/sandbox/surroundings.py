"""What a command sees besides its project: programs, the interpreter, an environment."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/passwd",
    "/etc/group",
    "/etc/alternatives",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/mime.types",
)
"""What ordinary programs read under /etc: no keys, no passwords, no configuration of services."""
NETWORK_FILES = ("/etc/resolv.conf", "/etc/services")
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Folders that a command may read and run programs from."""

    read_only: tuple[str, ...]
    """Beside the system's own: the interpreter's and configured tool folders, real paths too."""
    path: str
    """The PATH of a command."""

    def environment(self, *, home: str, temporary: str, path: str | None = None) -> dict[str, str]:
        """Return the whole environment of a command; nothing of ours is in it."""
        return {
            "PATH": path or self.path,
            "HOME": home,
            "TMPDIR": temporary,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "GIT_CONFIG_NOSYSTEM": "1",  # git stops where /etc/gitconfig is there but unreadable
        }


def launcher_environment() -> dict[str, str]:
    """Return what a sandbox's launcher starts with: who is inside can read it in /proc."""
    return {"PATH": ":".join(_SYSTEM_PATH), "LANG": "C.UTF-8"}


def find_surroundings(tool_folders: Iterable[str] = ()) -> Surroundings:
    """Return the surroundings with this interpreter's folders, so that a project's tests run."""
    configured = tuple(tool_folders)
    wanted = (*_interpreter_folders(), *configured, *_java_settings())
    folders = tuple(dict.fromkeys(_outside_system(wanted)))
    programs = (str(Path(sys.prefix) / "bin"), *map(_programs, configured), _scripts())
    path = ":".join(dict.fromkeys((*programs, *_SYSTEM_PATH)))
    return Surroundings(folders, path)


def shell() -> str:
    """Return the shell that runs commands."""
    return "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"


def _scripts() -> str:
    """Return where wheels put their programs, `rg` among them."""
    return sysconfig.get_path("scripts")


def _programs(folder: str) -> str:
    below = Path(folder) / "bin"
    return str(below if below.is_dir() else folder)


def _interpreter_folders() -> Iterator[str]:
    """Yield the folders of this Python, under every name that its links go through."""
    yield sys.prefix
    yield sys.base_prefix
    yield _scripts()
    link = Path(sys.executable)
    for _ in range(8):
        if not link.is_symlink():
            break
        link = link.parent / link.readlink()
        yield str(link.parent.parent)


def _java_settings() -> Iterator[str]:
    """Yield where Debian keeps what every Java reads at its start; /usr/lib/jvm links there."""
    yield from map(str, sorted(Path("/etc").glob("java-*-openjdk")))


def _outside_system(folders: Iterable[str]) -> Iterator[str]:
    """Yield what must be shown besides the system, never a whole home folder or the root."""
    too_much = {"/", str(Path.home()), str(Path.home().resolve())}
    for folder in folders:
        for name in (os.path.normpath(folder), str(Path(folder).resolve())):
            below_system = any(name == top or name.startswith(top + "/") for top in SYSTEM_FOLDERS)
            if name not in too_much and not below_system and os.access(name, os.R_OK | os.X_OK):
                yield name
