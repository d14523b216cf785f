"""A system to be broken, and a summary of what was counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.chaos.load import Load
from tests.chaos.sender import Sender
from tests.support.ports import port_for_later
from tests.support.system import running_stack

_counts: list[str] = []


@pytest.fixture
def count() -> list[str]:
    """Where a test says what it counted."""
    return _counts


@pytest.fixture
async def load(tmp_path: Path) -> AsyncGenerator[Load]:
    """Run a system whose workers may die as often as it takes."""
    # a broker that is started again has to come back on its port
    settings = {"JIDOKA_RESTART_LIMIT": "1000", "JIDOKA_PORT": str(port_for_later())}
    async with running_stack(tmp_path / "home", **settings) as stack:
        sender = await Sender.connected(stack.state["nats_url"])
        yield Load(stack, sender)
        await sender.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was counted."""
    if _counts:
        terminalreporter.section("counted")
        for line in _counts:
            terminalreporter.write_line(line)
