"""What is printed of somebody else's names commands no terminal and breaks no line."""

from __future__ import annotations

import pytest

from jidoka.cli.failing import print_error
from jidoka.cli.showing import print_table

NASTY = "a\nb\x1b[31m\u2028.txt"
TOLD = "a\\nb\\x1b[31m\\u2028.txt"


def test_a_row_of_a_table_is_one_line_whatever_the_names_in_it(capsys: pytest.CaptureFixture[str]):
    print_table(("FILE", "TOKENS"), [(NASTY, "1"), ("ünï ☃", "2")])

    shown = capsys.readouterr().out
    assert [line.split("  ")[0].strip() for line in shown.splitlines()] == ["FILE", TOLD, "ünï ☃"]


def test_an_error_message_commands_no_terminal(capsys: pytest.CaptureFixture[str]):
    print_error(f"There is nothing at {NASTY}.", {})

    assert "\x1b" not in capsys.readouterr().err
