"""The image and the compose file carry a turn, asked for from outside with plain NATS."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.containers import ROOT, Stack, run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


def test_the_image_runs_as_nobody_in_particular_and_every_program_is_a_command(image: str):
    user = run("docker", "run", "--rm", "--entrypoint", "id", image, "-u")

    help_text = run("docker", "run", "--rm", image, "serve", "--help")

    assert user != "0"
    assert "coordinator, session-manager, agent-host, llm-gateway" in help_text


def test_a_stranger_outside_has_a_turn_with_the_containers(stack: Stack):
    example = ROOT / "docs/examples/plain_nats.py"
    arguments = ["/projects/demo", "scripted:/scripts/copy.json", "Copy the note."]

    answer = subprocess.run(
        [sys.executable, example, stack.nats_url, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert answer.returncode == 0, f"{answer.stderr}\n{stack.compose('logs', '--no-color')}"
    assert answer.stdout.splitlines()[-1] == "The note is copied."
    assert (stack.project / "copy.txt").read_text() == "what the note says\n"
