"""The repair tasks: small projects, each with a failing test that the right change mends."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jidoka.core.tooling import Limits
from jidoka.sandbox.probe import ProbedSandbox

FOLDER = Path(__file__).parent / "tasks"
TEST_S = 60.0
MADE_BY_TESTS = {".git", "build", "__pycache__"}
"""Folders that a test run may fill."""
_GIT = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.invalid")


@dataclass(frozen=True)
class Task:
    """One task, as its folder describes it."""

    name: str
    title: str
    language: str
    prompt: str
    test: str
    """The command that fails before and passes after."""
    tests: tuple[str, ...]
    """Files that are put back before the check."""
    changes: tuple[str, ...]
    """Files that the right change touches."""
    plan: str
    """What the scripted model says where it may change nothing."""
    needs: tuple[str, ...] = ()
    """Tool chains, by the names of `toolchains.py`."""
    answer: str = "Decide yourself; nobody is there."
    """What the person says when the model asks something."""
    git: bool = False
    """Whether the project is a repository, to which the change is to be committed."""

    @property
    def folder(self) -> Path:
        """Where it is described."""
        return FOLDER / self.name

    def copy_to(self, folder: Path) -> Path:
        """Return a fresh copy of the project."""
        shutil.copytree(self.folder / "project", folder)
        if self.git:
            for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "Start"]):
                subprocess.run([*_GIT, *words], cwd=folder, check=True, timeout=30)
        return folder

    def restore_tests(self, project: Path) -> None:
        """Put the tests back as they were: nobody passes by changing them."""
        for name in self.tests:
            target = project / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy2(self.folder / "project" / name, target)

    def script(self, *, plan: bool = False) -> dict[str, Any]:
        """Return the script of the model that solves it; with `plan`, ending in the plan."""
        script = json.loads((self.folder / "solution.json").read_text())
        if plan:
            script["answers"][-1] = {"text": self.plan}
        return script


def load(name: str) -> Task:
    """Return the task of that name."""
    told = tomllib.loads((FOLDER / name / "task.toml").read_text())
    fields: dict[str, Any] = {"name": name}
    fields |= {key: tuple(it) if isinstance(it, list) else it for key, it in told.items()}
    return Task(**fields)


def names() -> list[str]:
    """Return the names of all tasks, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob("*/task.toml"))


async def passes(task: Task, project: Path, sandbox: ProbedSandbox) -> tuple[bool, str]:
    """Run a task's test where its agent's commands run; return whether it passes, and its output.

    A change made by a model is not trusted more in the check than while it was made.
    """
    result = await sandbox.run(
        task.test,
        root=str(project),
        timeout_s=TEST_S,
        on_output=lambda _text: None,
        limits=Limits(),
    )
    return result.exit_status == 0 and not result.timed_out, result.head


def hashes(project: Path) -> dict[str, str]:
    """Return the files of a project by content, without those that a test run makes."""
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.rglob("*"))
        if path.is_file() and not MADE_BY_TESTS & set(path.relative_to(project).parts)
    }


def changed(before: dict[str, str], after: dict[str, str]) -> tuple[str, ...]:
    """Return the names of files that were made, changed or removed."""
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))
