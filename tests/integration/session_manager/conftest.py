"""A host that answers without processes, and a folder for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jidoka.bus.connection import Bus
from tests.support.fake_host import FakeHost


@pytest.fixture
async def host(bus: Bus) -> AsyncIterator[FakeHost]:
    async with FakeHost(bus) as fake:
        yield fake


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where jidoka keeps its own, beside the projects of the test."""
    return tmp_path / "home"
