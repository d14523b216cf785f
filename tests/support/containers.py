"""Containers for a test: a program run to its end, and the stack of docker-compose.yml."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND_TIMEOUT_S = 120


def run(
    *command: str, timeout_s: float = COMMAND_TIMEOUT_S, environment: dict[str, str] | None = None
) -> str:
    """Return what a program printed; what it complained about is in the failure."""
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert answer.returncode == 0, f"{command}:\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout.strip()


@dataclass(frozen=True)
class Stack:
    """The programs as containers, on a broker that a port of this machine reaches."""

    name: str
    environment: dict[str, str]
    project: Path
    """The folder that the containers see as /projects/demo."""

    def compose(self, *arguments: str) -> str:
        """Return what `docker compose` printed for this stack."""
        program = str(Path(sysconfig.get_path("scripts")) / "docker-compose")
        files = ("-f", "docker-compose.yml", "-f", "tests/docker/compose.yml")
        return run(program, "-p", self.name, *files, *arguments, environment=self.environment)

    @property
    def nats_url(self) -> str:
        """The address of the broker from outside, with its token."""
        address = self.compose("port", "nats", "4222")
        return f"nats://{self.environment['JIDOKA_NATS_TOKEN']}@{address}"
