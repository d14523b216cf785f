"""The file that holds the rest of a long output."""

from __future__ import annotations

import contextlib
from pathlib import Path

from jidoka.core.tooling import CommandResult


def drop_spill(result: CommandResult) -> None:
    """Remove the file, where there is one: nobody will ask for the whole output."""
    if result.spill is not None:
        with contextlib.suppress(FileNotFoundError):
            Path(result.spill).unlink()
