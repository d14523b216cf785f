"""One runtime for all tasks, with the tool chains that they need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluation import tasks, toolchains
from tests.evaluation.toolchains import Toolchains
from tests.support.home import Home, running_home

collect_ignore_glob = ["tasks/*"]


@pytest.fixture(scope="session")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolchains]:
    """The tool chains; Go's library is compiled while the first tasks run."""
    work = tmp_path_factory.mktemp("toolchains")
    found = toolchains.find(toolchains.PROGRAMS, work)
    project = next((tasks.load(n) for n in tasks.names() if "go" in tasks.load(n).needs), None)
    warming = project and toolchains.warm_go(found, project.copy_to(work / "warm-up"))
    yield found
    if warming:
        warming.wait(timeout=120)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, chains: Toolchains) -> Iterator[Home]:
    """A home whose runtime is up for all tasks."""
    folder = tmp_path_factory.mktemp("evaluation") / "home"
    settings = {"JIDOKA_SESSION_LIMIT": "1000", "JIDOKA_TOOL_FOLDERS": chains.setting}
    with running_home(folder, **settings) as running:
        yield running


def installed(task: tasks.Task) -> None:
    """Skip a task whose tool chain is missing; where everything has to run, fail."""
    if absent := toolchains.missing(task.needs):
        reason = f"{task.name} needs {', '.join(absent)}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies of projects are made."""
    return tmp_path
