"""What the container tests stand on: an engine, the image, the stack of docker-compose.yml."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.containers import Stack, run

BUILD_TIMEOUT_S = 500
SCRIPT = {
    "answers": [
        {"tool_calls": [{"tool": "shell", "arguments": {"command": "cat note.txt > copy.txt"}}]},
        {"text": "The note is copied."},
    ]
}


@pytest.fixture(scope="session")
def engine() -> None:
    """A container engine that answers; CI must have one."""
    answers = shutil.which("docker") and not subprocess.call(
        ["docker", "info"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30
    )
    if not answers and not os.environ.get("CI"):
        pytest.skip("no container engine answers; deploy/local-images/build.sh starts one")
    assert answers, "no container engine answers, and CI requires one"


@pytest.fixture(scope="session")
def image(engine: None) -> str:
    """The image of deploy/Dockerfile, built from this tree."""
    tag = "jidoka:test"
    run("docker", "build", "-f", "deploy/Dockerfile", "-t", tag, ".", timeout_s=BUILD_TIMEOUT_S)
    return tag


@pytest.fixture
def stack(image: str, tmp_path: Path) -> Generator[Stack]:
    """All programs up; down again, with their volumes, when the test is over."""
    project, scripts = tmp_path / "projects" / "demo", tmp_path / "scripts"
    project.mkdir(parents=True)
    scripts.mkdir()
    (project / "note.txt").write_text("what the note says\n")
    (scripts / "copy.json").write_text(json.dumps(SCRIPT))
    project.chmod(0o777)  # the containers' user is not the one who runs the tests
    environment = {
        "JIDOKA_IMAGE": image,
        "JIDOKA_NATS_PORT": "0",
        "JIDOKA_NATS_TOKEN": secrets.token_hex(16),
        "JIDOKA_PROJECTS": str(project.parent),
        "JIDOKA_SCRIPTS": str(scripts),
    }
    stack = Stack(f"jidoka-test-{os.getpid()}", environment, project)
    try:
        stack.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "90")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "10")
