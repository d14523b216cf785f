"""Layer 1: namespaces of its own for each command, through bubblewrap.

Inside are the system's programs, the interpreter and the project; no network, no other process, a
fresh /tmp, no variable of ours. `.git` is read-only as a whole: a rename or `commondir` would get
around anything finer. With the first process of the PID namespace, everything inside ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from jidoka.core.tooling import CommandResult, Limits, Stdio
from jidoka.sandbox import seccomp
from jidoka.sandbox.beneath import PROTECTED
from jidoka.sandbox.commands import grouped, run_command
from jidoka.sandbox.control_groups import ControlGroups
from jidoka.sandbox.guard import GitGuard, nothing_to_restore
from jidoka.sandbox.lifeline import if_still_wanted, lifeline_fd
from jidoka.sandbox.limits import limited_argv
from jidoka.sandbox.process import Launch
from jidoka.sandbox.surroundings import (
    NETWORK_FILES,
    SYSTEM_FILES,
    SYSTEM_FOLDERS,
    Surroundings,
    launcher_environment,
    shell,
)

GAPS = (
    "repositories within the project, other than its own, can be changed with their hooks",
    "with the network allowed, this machine's own services can be reached",
)
_TMP = "/tmp"  # noqa: S108 - a fresh one, inside the sandbox
_HOME = f"{_TMP}/home"
_CONFINED = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"),
    *("--new-session", "--cap-drop", "ALL", "--clearenv"),
)


_KERNEL_SETTINGS = tuple(
    f"/proc/{name}" for name in ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi", "mtrr")
)
"""Root writes these by being root, without any capability; `core_pattern` would run a program
outside. bubblewrap covers such a folder only where the folder itself is writable."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Runs commands in namespaces of their own; the port `Sandbox`."""

    binary: str
    surroundings: Surroundings
    groups: ControlGroups | None = None
    layer: str = "bubblewrap"

    async def run(
        self,
        command: str,
        *,
        root: str,
        timeout_s: float,
        on_output: Callable[[str], None],
        limits: Limits,
        network: bool = False,
        stdio: Stdio | None = None,
    ) -> CommandResult:
        """Run a shell command in `root`; return when it and all that it started are gone."""
        async with grouped(self.groups, limits) as group:
            argv = limited_argv(shell(), command, limits, first=if_still_wanted(shell()))
            launch = self._launch(argv, root, network=network)
            # where `.git` is no folder or file yet there is nothing that could be bound read-only
            restore = nothing_to_restore if _is_there(root, ".git") else GitGuard(root).restore
            return await run_command(
                replace(launch, argv=group.entered(launch.argv)) if group else launch,
                group=group,
                restore=restore,
                timeout_s=timeout_s,
                on_output=on_output,
                limits=limits,
                stdio=stdio,
            )

    def _launch(self, argv: list[str], root: str, *, network: bool) -> Launch:
        # the machine's abstract sockets come with its network: then no unix sockets at all
        families = seccomp.INET_FAMILIES if network else seccomp.LOCAL_FAMILIES
        filter_fd = _file_of(seccomp.compile_filter(families, shared_namespaces=False))
        init_fd = os.memfd_create("jidoka-init", os.MFD_CLOEXEC)
        options = [
            *_CONFINED,
            *(("--share-net",) if network else ()),
            *("--seccomp", str(filter_fd), "--info-fd", str(init_fd)),
            *self._environment(),
            *_system(network=network),
            *("--proc", "/proc", *_read_only(_KERNEL_SETTINGS)),
            *("--dev", "/dev", "--tmpfs", _TMP, "--dir", _HOME),
            *self._project(root),
            *("--chdir", root, "--"),
        ]
        return Launch(
            argv=[self.binary, *options, *argv],
            # bubblewrap is the first process inside and keeps what it was started with
            env=launcher_environment(),
            cwd="/",
            fds=(filter_fd,),
            init_fd=init_fd,
            kept_fds=(lifeline_fd(),),
        )

    def _environment(self) -> Iterator[str]:
        for name, value in self.surroundings.environment(home=_HOME, temporary=_TMP).items():
            yield from ("--setenv", name, value)

    def _project(self, root: str) -> Iterator[str]:
        """Yield the binds in their order: a later one covers an earlier one."""
        inside = [folder for folder in self.surroundings.read_only if _is_below(folder, root)]
        for folder in self.surroundings.read_only:
            if folder not in inside:
                yield from ("--ro-bind", folder, folder)
        yield from ("--bind", root, root)
        # an interpreter within the project may be the one that runs us
        protected = [str(Path(root) / name) for name in sorted(PROTECTED) if _is_there(root, name)]
        for path in (*inside, *protected):
            yield from ("--ro-bind", path, path)


def _is_there(root: str, name: str) -> bool:
    path = Path(root) / name
    return path.exists() and not path.is_symlink()  # bubblewrap cannot bind onto a link


def _system(*, network: bool) -> Iterator[str]:
    for folder in SYSTEM_FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), folder)
        elif path.is_dir():
            yield from ("--ro-bind", folder, folder)
    yield from _read_only((*SYSTEM_FILES, *(NETWORK_FILES if network else ())))


def _read_only(paths: Iterable[str]) -> Iterator[str]:
    """Yield the options that show those of `paths` that there are."""
    for path in paths:
        yield from ("--ro-bind-try", path, path)


def _is_below(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(root.rstrip("/") + "/")


def _file_of(content: bytes) -> int:
    """Return a descriptor that reads `content` from its beginning."""
    fd = os.memfd_create("jidoka-filter", os.MFD_CLOEXEC)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
