"""Tables and values on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

ID = "s0123456789abcdef01234567"


def on_a_terminal(program: str, columns: int) -> str:
    """Return what a program prints to a terminal of so many columns."""
    ours, its = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "dumb"}
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(its, "wb") as terminal:
        subprocess.run(
            [sys.executable, "-c", program],
            stdout=terminal,
            env=environment,
            timeout=20,
            check=True,
        )
        return screen.read(65536).decode()


def test_an_id_is_whole_on_a_narrow_terminal_and_what_is_long_gives_way():
    row = ("1", ID, "cart", "m" * 60, "/a/long/way" * 9)

    shown = on_a_terminal(
        "from jidoka.cli.showing import print_table;"
        f"print_table(('', 'id', 'name', 'model', 'project'), [{row!r}])",
        80,
    )

    assert f"1  {ID}  cart  " in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
