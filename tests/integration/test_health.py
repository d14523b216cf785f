"""A container's health: whether its program answers on the bus."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jidoka.runtime.health import question
from jidoka.runtime.programs import MODULES


def health_of(program: str, nats_url: str) -> int:
    command = [sys.executable, "-m", "jidoka.runtime.health", program]
    environment = os.environ | {"JIDOKA_NATS_URL": nats_url}
    return subprocess.run(command, env=environment, timeout=20, check=False).returncode


@pytest.mark.parametrize("program", MODULES)
def test_every_program_can_be_asked(program: str):
    assert question(program) is not None


def test_a_program_that_does_not_answer_is_not_healthy(nats_url: str):
    assert health_of("coordinator", nats_url) == 5


def test_what_serves_nothing_on_the_bus_is_never_called_sick(nats_url: str):
    assert health_of("run", nats_url) == 0
