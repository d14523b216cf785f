"""A bench with a small project, on the best sandbox that this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jidoka.sandbox.beneath import Beneath
from jidoka.sandbox.probe import ProbedSandbox
from tests.support.project import ToolBench, tool_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ToolBench]:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "cart.py").write_text("def total(items):\n    return sum(items)\n")
    (root / "README.md").write_text("# Cart\n\nIt adds up.\n")
    (root / ".gitignore").write_text("build/\n")
    files = Beneath(str(root))
    yield tool_bench(root, ProbedSandbox(), files)
    files.close()
