"""The tutorial's blocks, in order, in one folder; and the README's stranger."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.acceptance.conftest import READ_EDIT_RUN, Write
from tests.support.home import Home

ROOT = Path(__file__).parents[2]
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_tutorial_does_what_it_shows(tmp_path: Path):
    commands = "\n".join(SHELL_BLOCK.findall((ROOT / "docs/tutorial.md").read_text()))
    home = Home(tmp_path / "home")
    scripts = sysconfig.get_path("scripts")

    try:
        shown = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=home.environment | {"PATH": f"{scripts}:{home.environment['PATH']}"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        home.jidoka("down")

    assert shown.returncode == 0, f"{shown.stdout}\n{shown.stderr}"
    assert (tmp_path / "greeting/hello.py").read_text() == 'print("hello")\n'
    assert shown.stdout.count("It says hello now.") >= 4


def test_the_readmes_stranger_has_a_turn_with_subjects_and_json(
    home: Home, project: Path, script: Write
):
    example = [sys.executable, ROOT / "docs/examples/plain_nats.py", home.state["nats_url"]]
    model = f"scripted:{script(*READ_EDIT_RUN)}"

    answer = subprocess.run(
        [*example, project, model, "Count further."],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "The note says three now."
    assert (project / "note.txt").read_text() == "one\nthree\n"
