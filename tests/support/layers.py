"""Every layer of the sandbox that holds on this machine, each to be tried by the same tests."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jidoka.core.tooling import CommandResult, Limits, Sandbox
from jidoka.sandbox.launched import Unconfined
from jidoka.sandbox.probe import candidates, probe
from jidoka.sandbox.surroundings import find_surroundings

CONFINED = ("bubblewrap", "landlock")
ALL = (*CONFINED, "off")


@functools.cache
def layers() -> dict[str, Sandbox]:
    """Return the layers that a probe has shown to hold, and `off`."""
    surroundings = find_surroundings()
    found: dict[str, Sandbox] = {"off": Unconfined(surroundings)}
    with ThreadPoolExecutor(max_workers=1) as thread:  # a test that asks may have a loop running
        for name, sandbox in candidates(surroundings):
            if thread.submit(lambda it: asyncio.run(holds(*it)), (name, sandbox)).result():
                found.setdefault(sandbox.layer, sandbox)
    return found


async def holds(name: str, sandbox: Sandbox) -> bool:
    choice = await probe(find_surroundings(), layers=[(name, sandbox)])
    return choice.sandbox is not None


def layer(name: str) -> Sandbox:
    """Return one layer; skips the test where it does not hold."""
    if name not in layers():
        pytest.skip(f"{name} does not hold on this machine")
    return layers()[name]


async def run(
    sandbox: Sandbox, command: str, root: Path, *, timeout_s: float = 20, **limits: int
) -> CommandResult:
    """Run a command with nobody watching."""
    return await sandbox.run(
        command,
        root=str(root),
        timeout_s=timeout_s,
        on_output=lambda _text: None,
        limits=Limits(**limits),
    )
