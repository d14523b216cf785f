"""Layer 2, Landlock and seccomp, and the opt-out: a command below a launcher that ends it whole.

There is no namespace here. What that leaves open is in `GAPS`; the session says so.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from jidoka.core.tooling import CommandResult, Limits
from jidoka.sandbox import landlock
from jidoka.sandbox.commands import run_command
from jidoka.sandbox.guard import GitGuard, nothing_to_restore
from jidoka.sandbox.launcher import Order, command_line
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
    ".git can be written while a command runs; its hooks and settings are put back afterwards",
    "modes, owners and times of the user's other files can be changed, their content cannot",
    "that a path outside exists can be seen, what is in it cannot",
)


@dataclass(frozen=True, slots=True)
class Landlocked:
    """Runs commands under Landlock and seccomp; the port `Sandbox`."""

    surroundings: Surroundings
    layer: str = "landlock"

    async def run(
        self,
        command: str,
        *,
        root: str,
        timeout_s: float,
        on_output: Callable[[str], None],
        limits: Limits,
        network: bool = False,
    ) -> CommandResult:
        """Run a shell command in `root`; return when it and all that it started are gone."""
        argv = limited_argv(shell(), command, replace(limits, processes=None))
        files = (*SYSTEM_FILES, *(NETWORK_FILES if network else ()))
        order = Order(
            parent=os.getpid(),
            argv=argv,
            env=self.surroundings.environment(home="{tmp}/home", temporary="{tmp}"),
            cwd=root,
            abi=landlock.abi(),
            readable=(*SYSTEM_FOLDERS, *files, *self.surroundings.read_only),
            writable=(root,),
            network=network,
            processes=limits.processes,
        )
        return await run_command(
            _launch(order),
            restore=GitGuard(root).restore,
            timeout_s=timeout_s,
            on_output=on_output,
            limits=limits,
        )


@dataclass(frozen=True, slots=True)
class Unconfined:
    """Runs commands as the owner would, because the owner said so; still none outlives its tool."""

    surroundings: Surroundings
    layer: str = "off"

    async def run(
        self,
        command: str,
        *,
        root: str,
        timeout_s: float,
        on_output: Callable[[str], None],
        limits: Limits,
        network: bool = False,  # noqa: ARG002 - nothing here could keep it away
    ) -> CommandResult:
        """Run a shell command in `root`; return when it and all that it started are gone."""
        order = Order(
            parent=os.getpid(),
            argv=limited_argv(shell(), command, replace(limits, processes=None)),
            env=self.surroundings.environment(
                home=str(Path.home()), temporary="{tmp}", path=":".join(self._path())
            ),
            cwd=root,
            abi=0,
            processes=limits.processes,
        )
        return await run_command(
            _launch(order),
            restore=nothing_to_restore,
            timeout_s=timeout_s,
            on_output=on_output,
            limits=limits,
        )

    def _path(self) -> Iterator[str]:
        """Yield the owner's own programs too: nothing is kept from a command here."""
        yield from dict.fromkeys(
            (*self.surroundings.path.split(":"), *os.environ.get("PATH", "").split(":"))
        )


def _launch(order: Order) -> Launch:
    return Launch(
        argv=command_line(order),
        env=launcher_environment(),
        cwd="/",
        end_signal=signal.SIGTERM,
    )
