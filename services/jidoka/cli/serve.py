"""`jidoka serve PROGRAM`: one program in the foreground, for containers."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

PROGRAMS = {
    "coordinator": "jidoka.coordinator",
    "session-manager": "jidoka.session_manager",
    "agent-host": "jidoka.agent",
    "llm-gateway": "jidoka.llm_gateway",
    "runtime": "jidoka.runtime",
}


def command(
    program: Annotated[str, typer.Argument(help=f"One of {', '.join(PROGRAMS)}.")],
) -> int:
    """Run one program; JIDOKA_NATS_URL names the broker."""
    name = {"agent": "agent-host"}.get(program, program.replace("_", "-"))
    if name not in PROGRAMS:
        raise typer.BadParameter(f"no program {program!r}; there are {', '.join(PROGRAMS)}")
    # the program takes this process's place: signals reach it, and its exit code is ours
    os.execv(sys.executable, [sys.executable, "-m", PROGRAMS[name]])  # noqa: S606 - our own program
