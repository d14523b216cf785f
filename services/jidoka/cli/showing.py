"""Printing for people and programs: tables, JSON, a line that says what is waited for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TextIO

from jidoka.contract.content import Usage

NEVER_CUT: Final = 26
"""A column that is no wider is whole on every terminal: an id that is cut names nothing."""


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2), flush=True)


def on_one_line(text: str) -> str:
    """Return a name of somebody else's as a terminal may show it: what commands it is spelled out.

    A file may be called anything: a line break or an escape sequence is told, and not obeyed.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, plain columns elsewhere; a row is a line."""
    rows = [tuple(map(on_one_line, row)) for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, header_style="bold", pad_edge=False)
        for title, *cells in zip(titles, *rows, strict=True):
            whole = max(map(len, (title, *cells))) <= NEVER_CUT
            table.add_column(title, no_wrap=whole)
        for row in rows:
            table.add_row(*map(Text, row))  # a bracket in a name is no mark-up
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


@contextmanager
def waiting(what: str) -> Generator[None]:
    """Say on a terminal what is being waited for, as long as it lasts."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status(what):
        yield


def colored(out: TextIO) -> bool:
    """Tell whether `out` is a terminal whose owner wants colours."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def seconds(duration_s: float | None) -> str:
    """Return a duration as a person reads it."""
    if duration_s is None:
        return ""
    if duration_s < 1:
        return f"{duration_s * 1000:.0f} ms"
    minutes, rest = divmod(duration_s, 60)
    return f"{int(minutes)} min {rest:.0f} s" if minutes else f"{duration_s:.1f} s"


def tokens(usage: Usage | None) -> str:
    """Return what was read and written, in tokens."""
    if usage is None:
        return "tokens unknown"
    return f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens"


def money(cost_usd: float | None) -> str:
    """Return a cost as a person reads it."""
    if cost_usd is None:
        return "cost unknown"
    return f"${cost_usd:.2f}" if cost_usd == 0 or cost_usd >= 0.1 else f"${cost_usd:.4f}"  # noqa: PLR2004
