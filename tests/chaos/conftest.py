"""A system to be broken, and a summary of what was counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.chaos.load import Load
from tests.support.system import running_stack

_counts: list[str] = []


@pytest.fixture
def count() -> list[str]:
    """Where a test says what it counted."""
    return _counts


@pytest.fixture
async def load(tmp_path: Path) -> AsyncGenerator[Load]:
    """Run a system whose workers may die as often as it takes."""
    async with running_stack(tmp_path / "home", JIDOKA_RESTART_LIMIT="1000") as stack:
        yield Load(stack)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was counted."""
    if _counts:
        terminalreporter.section("counted")
        for line in _counts:
            terminalreporter.write_line(line)
