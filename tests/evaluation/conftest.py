"""One runtime for all tasks, with the tool chains that they need."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.evaluation import tasks, toolchains
from tests.evaluation.toolchains import Toolchains
from tests.support.home import Home, running_home

collect_ignore_glob = ["tasks/*"]
WARM_S = 150.0


@pytest.fixture(scope="session")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Toolchains:
    """The tool chains of all tasks."""
    return toolchains.find(toolchains.PROGRAMS, tmp_path_factory.mktemp("toolchains"))


@pytest.fixture(scope="session")
def warming(
    tmp_path_factory: pytest.TempPathFactory, chains: Toolchains
) -> Iterator[subprocess.Popen[bytes] | None]:
    """Go's library being compiled while the first tasks run; only a task in Go waits for it."""
    in_go = next(task for task in map(tasks.load, tasks.names()) if "go" in task.needs)
    process = toolchains.warm_go(chains, in_go.copy_to(tmp_path_factory.mktemp("warm") / "go"))
    yield process
    if process is not None:
        process.wait(timeout=WARM_S)


@pytest.fixture(scope="session")
def home(
    tmp_path_factory: pytest.TempPathFactory,
    chains: Toolchains,
    warming: subprocess.Popen[bytes] | None,
) -> Iterator[Home]:
    """A home whose runtime is up for all tasks."""
    folder = tmp_path_factory.mktemp("evaluation") / "home"
    settings = {"JIDOKA_SESSION_LIMIT": "1000", "JIDOKA_TOOL_FOLDERS": chains.setting}
    with running_home(folder, **settings) as running:
        yield running


@pytest.fixture
def task(request: pytest.FixtureRequest, warming: subprocess.Popen[bytes] | None) -> tasks.Task:
    """The task that a test is parametrized with, skipped without its tool chain; not so in CI."""
    task = tasks.load(request.param)
    if absent := toolchains.missing(task.needs):
        reason = f"{task.name} needs {', '.join(absent)}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    if warming is not None and "go" in task.needs:
        warming.wait(timeout=WARM_S)
    return task
