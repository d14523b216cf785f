"""After an edit the project's checkers are asked, where such a command may run."""

from __future__ import annotations

from pathlib import Path

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import PermissionMode
from tests.support.agent import asks, memory_bench

WRITE = ("write", '{"path": "a.py", "content": "import os\\n"}')


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a checker may begin late."""
    monkeypatch.setattr("jidoka.tools.checkers.TIMEOUT_S", 25.0)


def put_checker(root: Path) -> None:
    """Give the project a program of its own that finds something in every file."""
    program = root / ".venv/bin/ruff"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'a.py:1:8: F401 unused'\ntouch ran\nexit 1\n")
    program.chmod(0o755)


async def output_of_a_write(root: Path, mode: PermissionMode) -> str:
    bench = memory_bench(root, asks(WRITE), "done", mode=mode)
    await bench.open()
    async with bench.worker():
        done = (await bench.until(e.ToolCompleted)).event
        await bench.until(e.TurnEnded)
    assert isinstance(done, e.ToolCompleted)
    return done.output


async def test_what_checkers_say_stands_in_the_output_of_the_edit(tmp_path: Path):
    put_checker(tmp_path)

    output = await output_of_a_write(tmp_path, PermissionMode.FULL_AUTO)

    assert output.endswith("(ruff says:)\na.py:1:8: F401 unused")


async def test_a_program_of_the_project_does_not_run_where_a_command_would_be_asked_about(
    tmp_path: Path,
):
    put_checker(tmp_path)

    output = await output_of_a_write(tmp_path, PermissionMode.AUTO_EDIT)

    assert "ruff" not in output
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["", "x = 1\n"])
async def test_without_a_checker_the_output_is_the_tools_alone(tmp_path: Path, content: str):
    (tmp_path / "b.py").write_text(content)

    output = await output_of_a_write(tmp_path, PermissionMode.FULL_AUTO)

    assert "says" not in output
