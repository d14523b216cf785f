"""What a project's own checkers say of files that were just written."""

from __future__ import annotations

from pathlib import Path

import pytest

from jidoka.core.tooling import FileState
from jidoka.tools.checkers import MOST_CHARACTERS, findings
from tests.support.project import ToolBench

WRITTEN = (FileState("src/cart.py", "0" * 64),)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a command may begin late, and the sandbox is chosen before the first."""
    monkeypatch.setattr("jidoka.tools.checkers.TIMEOUT_S", 25.0)


def put(root: Path, place: str, script: str) -> None:
    """Write a program into the project."""
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(f"#!/bin/sh\n{script}\n")
    (root / place).chmod(0o755)


def always(_command: str, _own: bool) -> bool:
    return True


async def test_the_projects_own_checker_is_asked_about_what_was_written(bench: ToolBench):
    root = Path(bench.context.root)
    put(root, ".venv/bin/ruff", 'echo "$@"; exit 1')

    said = await findings(WRITTEN, bench.context, always)

    assert said.startswith("(ruff says:)\ncheck ")
    assert said.endswith("-- src/cart.py")


@pytest.mark.parametrize("script", ["exit 0", "exit 1", "echo fine; exit 0", "sleep 60"])
async def test_a_checker_that_finds_nothing_or_does_not_end_says_nothing(
    bench: ToolBench, script: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("jidoka.tools.checkers.TIMEOUT_S", 1.0)
    put(Path(bench.context.root), ".venv/bin/ruff", script)

    said = await findings(WRITTEN, bench.context, always)

    assert not said


async def test_what_it_says_is_bounded(bench: ToolBench):
    put(Path(bench.context.root), ".venv/bin/ty", "seq 1 20000; exit 1")

    said = await findings(WRITTEN, bench.context, always)

    assert len(said) < MOST_CHARACTERS + 100
    assert said.endswith("(more is left out)")


async def test_without_a_checker_or_settings_for_one_or_python_nothing_runs(bench: ToolBench):
    root = Path(bench.context.root)
    asked: list[str] = []

    def note(command: str, _own: bool) -> bool:
        asked.append(command)
        return True

    bare = await findings(WRITTEN, bench.context, note)
    put(root, ".venv/bin/ruff", "echo no; exit 1")
    other = await findings((FileState("README.md", "0" * 64),), bench.context, note)
    gone = await findings((FileState("src/cart.py", None),), bench.context, note)

    assert (bare, other, gone, asked) == ("", "", "", [])


async def test_the_systems_checker_is_taken_where_the_project_has_settings_for_it(
    bench: ToolBench,
):
    (Path(bench.context.root) / "pyproject.toml").write_text("[tool.ruff.lint]\nselect = ['F']\n")
    asked: list[tuple[str, bool]] = []

    def refuse(command: str, own: bool) -> bool:
        asked.append((command.split(maxsplit=1)[0], own))
        return False

    said = await findings(WRITTEN, bench.context, refuse)

    assert (said, asked) == ("", [("ruff", False)])
