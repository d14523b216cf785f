"""One run of the whole system for all benchmarks, and one table at its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.benchmarks.results import Figure, as_json, table
from tests.support.system import Stack, running_stack

_figures: list[Figure] = []


@pytest.fixture
def record() -> list[Figure]:
    """Where a benchmark puts its figures."""
    return _figures


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncGenerator[Stack]:
    """Run a system of this benchmark's own."""
    async with running_stack(tmp_path / "home") as stack:
        yield stack


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    if _figures:
        terminalreporter.section("figures of this run")
        terminalreporter.write_line(table(_figures))
        terminalreporter.section("the same as JSON")
        terminalreporter.write_line(as_json(_figures))
