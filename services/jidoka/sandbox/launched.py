"""Layer 2, Landlock and seccomp, and the opt-out: a command below a launcher that ends it whole.

There is no namespace here. What that leaves open is in `GAPS`; the session says so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

from jidoka.core.tooling import CommandResult, Limits, Stdio
from jidoka.sandbox import bubblewrap, landlock, seccomp
from jidoka.sandbox.commands import grouped, run_command
from jidoka.sandbox.control_groups import ControlGroups, Group
from jidoka.sandbox.guard import GitGuard, nothing_to_restore
from jidoka.sandbox.limits import limited_argv
from jidoka.sandbox.process import Launch
from jidoka.sandbox.surroundings import (
    NETWORK_FILES,
    SYSTEM_FILES,
    SYSTEM_FOLDERS,
    Surroundings,
    shell,
)

GAPS = (
    *bubblewrap.GAPS,
    ".git can be written while a command runs; its hooks and settings are put back afterwards",
    "modes and times of the user's other files can be changed, their content cannot",
    "that a path outside exists can be seen, what is in it cannot",
)


@dataclass(frozen=True, slots=True)
class _Launched(ABC):
    """Runs commands below a launcher; what they are kept from is its children's to say."""

    surroundings: Surroundings
    groups: ControlGroups | None = None

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
            with _temporary_folder() as temporary:
                argv = _launcher(
                    _argv(command, limits),
                    abi=self._abi(),
                    network=network,
                    processes=limits.processes,
                    group=group,
                    temporary=temporary,
                    cwd=root,
                    paths=self._paths(root, network=network),
                )
                env = self._environment(temporary)
                return await run_command(
                    Launch(argv=argv, env=env, cwd="/", end_signal=signal.SIGTERM),
                    group=group,
                    restore=self._restore(root),
                    timeout_s=timeout_s,
                    on_output=on_output,
                    limits=limits,
                    stdio=stdio,
                )

    @abstractmethod
    def _abi(self) -> int:
        """Return the version of Landlock that is used, 0 for none."""

    @abstractmethod
    def _paths(self, root: str, *, network: bool) -> list[str]:
        """Return what Landlock lets a command read (`r:`) and write (`w:`)."""

    @abstractmethod
    def _environment(self, temporary: str) -> dict[str, str]:
        """Return the variables of a command whose own folder is `temporary`."""

    @abstractmethod
    def _restore(self, root: str) -> Callable[[], tuple[str, ...]]:
        """Return what puts back what a command may not change, to be called after it."""


@dataclass(frozen=True, slots=True)
class Landlocked(_Launched):
    """Runs commands under Landlock and seccomp; the port `Sandbox`."""

    layer: str = "landlock"

    def _abi(self) -> int:
        return landlock.abi()

    def _paths(self, root: str, *, network: bool) -> list[str]:
        files = (*SYSTEM_FILES, *(NETWORK_FILES if network else ()))
        readable = (*SYSTEM_FOLDERS, *files, *self.surroundings.read_only)
        return [*(f"r:{path}" for path in readable), f"w:{root}"]

    def _environment(self, temporary: str) -> dict[str, str]:
        return self.surroundings.environment(home=f"{temporary}/home", temporary=temporary)

    def _restore(self, root: str) -> Callable[[], tuple[str, ...]]:
        return GitGuard(root).restore


@dataclass(frozen=True, slots=True)
class Unconfined(_Launched):
    """Runs commands as the owner would, because the owner said so; still none outlives its tool."""

    layer: str = "off"

    def _abi(self) -> int:
        return 0

    def _paths(self, root: str, *, network: bool) -> list[str]:  # noqa: ARG002 - nothing is kept
        return []

    def _environment(self, temporary: str) -> dict[str, str]:
        home, path = str(Path.home()), self._path()
        return self.surroundings.environment(home=home, temporary=temporary, path=path)

    def _restore(self, root: str) -> Callable[[], tuple[str, ...]]:  # noqa: ARG002 - nothing is kept
        return nothing_to_restore

    def _path(self) -> str:
        """Return the owner's own PATH too: nothing is kept from a command here."""
        own = os.environ.get("PATH", "").split(":")
        return ":".join(dict.fromkeys((*self.surroundings.path.split(":"), *own)))


def _argv(command: str, limits: Limits) -> list[str]:
    # the user's processes outside count too, so only the launcher knows the right number
    return limited_argv(shell(), command, replace(limits, processes=None))


def _launcher(
    argv: list[str],
    *,
    abi: int,
    network: bool,
    processes: int | None,
    group: Group | None,
    temporary: str,
    cwd: str,
    paths: list[str],
) -> list[str]:
    """Return the command line of a launcher; `launcher.Order` reads it."""
    families = seccomp.INET_FAMILIES if network else ()
    # before version 3 Landlock does not see a truncation by path
    known = abi >= landlock.TRUNCATE_ABI
    program = (
        seccomp.compile_filter(families, shared_namespaces=True, truncate=known) if abi else b""
    )
    start = (
        f"import sys; sys.path.append({str(Path(__file__).parents[2])!r}); "
        "from jidoka.sandbox.launcher import main; main()"
    )
    numbers = (os.getpid(), abi, int(network), processes or 0)
    doors = [f"g:{door}" for door in group.doors()] if group else []
    words = (*map(str, numbers), temporary, cwd, program.hex(), *doors, *paths, "--", *argv)
    return [sys.executable, "-I", "-S", "-c", start, *words]


@contextlib.contextmanager
def _temporary_folder() -> Generator[str]:
    """Make a command's own folder; its launcher removes it, unless somebody killed that."""
    folder = tempfile.mkdtemp(prefix="jidoka-")
    (Path(folder) / "home").mkdir()
    try:
        yield folder
    finally:
        if Path(folder).exists():
            shutil.rmtree(folder, ignore_errors=True)
