"""What the tests of a worker's surroundings have in common."""

from __future__ import annotations

import pytest

from jidoka.agent import servers


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a server may start for longer than a person would wait for it."""
    monkeypatch.setattr(servers, "START_S", 25.0)
