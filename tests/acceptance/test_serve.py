"""Each program by itself, on somebody's own broker, as in containers."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.conftest import READ_EDIT_RUN, Write
from tests.support.home import Home, until
from tests.support.nats import NatsServer

pytestmark = [pytest.mark.timeout(120)]
PROGRAMS = ("llm-gateway", "coordinator", "session-manager", "agent-host")
END_S = 60.0


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Home]:
    """A home for the command line alone; the programs have homes of their own."""
    broker = NatsServer(tmp_path / "broker", sync_always=True, token=secrets.token_hex(8))
    broker.start()
    children = [serve(Home(tmp_path / name, JIDOKA_NATS_URL=broker.url), name) for name in PROGRAMS]
    try:
        yield Home(tmp_path / "client", JIDOKA_NATS_URL=broker.url)
    finally:
        for child in children:
            child.terminate()
        ends = [child.wait(timeout=END_S) for child in children]
        broker.stop()
    assert ends == [0] * len(PROGRAMS)


def serve(home: Home, name: str) -> subprocess.Popen[bytes]:
    with (home.folder.parent / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jidoka.cli", "serve", name],
            env=home.environment,
            stdout=log,
            stderr=log,
        )


def is_healthy(home: Home, program: str) -> bool:
    """Tell whether a program answers, as its container is asked."""
    command = [sys.executable, "-m", "jidoka.runtime.health", program]
    return subprocess.run(command, env=home.environment, timeout=30, check=False).returncode == 0


def test_programs_served_one_by_one_have_a_turn(served: Home, project: Path, script: Write):
    for program in PROGRAMS:
        until(partial(is_healthy, served, program))
    model = f"scripted:{script(*READ_EDIT_RUN)}"

    answer = served.jidoka("run", "Go.", "--project", str(project), "--model", model, "--json")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert json.loads(answer.stdout)["result"] == "The note says three now."
    assert (project / "note.txt").read_text() == "one\nthree\n"
    assert not (served.folder / "broker").exists()


def test_a_program_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path):
    answer = Home(tmp_path).jidoka("serve", "butler")

    assert answer.returncode == 2
    assert [name for name in PROGRAMS if name not in answer.stderr] == []
