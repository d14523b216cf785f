"""What a reader may count on in every file: one thought, and nothing of anyone's machine."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_TEST_FILE = 400  # a table of cases reads on
MOST_LINES_OF_A_FUNCTION = 40
# one literal table each, one arm an event type, or where all is paired: one place to look is
# worth more than short
CATALOGUES = {
    "services/jidoka/bus/ensure.py:_streams",
    "services/jidoka/contract/errors.py",
    "services/jidoka/contract/events.py",
    "services/jidoka/core/session.py",
    "services/jidoka/core/session.py:_apply",
}
BINARY = {".png", ".gif", ".db", ".whl"}
# "[.]" and the like, so that this file does not find itself
FORBIDDEN = {
    "a registry's address": r"(pypi|npmjs|golang|debian|pythonhosted|maven)[.]org|crates[.]io"
    r"|maven[.]apache|index-url[ =]+http",
    "a path of someone's machine": r"/[w]ork/(main|venv|scratch|shared)"
    r"|/[r]oot/[.](cache|local|pyenv)",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files() -> list[Path]:
    return sorted(path for room in ("services", "tests") for path in (ROOT / room).glob("**/*.py"))


def most_lines(name: str) -> int:
    return MOST_LINES_OF_A_TEST_FILE if name.startswith("tests/") else MOST_LINES_OF_A_FILE


def body_lines(function: Function) -> int:
    """Return how many lines a function has below its signature and docstring."""
    first, *rest = function.body
    start = rest[0] if ast.get_docstring(function, clean=False) is not None and rest else first
    return (function.end_lineno or start.lineno) - start.lineno + 1


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name]


def test_no_file_is_longer_than_one_thought():
    long = {
        name: lines
        for path in python_files()
        if (name := str(path.relative_to(ROOT))) not in CATALOGUES
        and (lines := len(path.read_text().splitlines())) > most_lines(name)
    }

    assert long == {}


def test_no_function_is_longer_than_a_screen():
    long = {
        name: lines
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, Function)
        and (name := f"{path.relative_to(ROOT)}:{node.name}") not in CATALOGUES
        and (lines := body_lines(node)) > MOST_LINES_OF_A_FUNCTION
    }

    assert long == {}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_in_the_repository_names(what: str):
    pattern = re.compile(FORBIDDEN[what])

    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_files()
        if path.is_file() and path.suffix not in BINARY
        for match in pattern.finditer(path.read_text(errors="replace"))
    ]

    assert found == []


def test_no_lock_file_that_records_registries_is_checked_in():
    names = {path.name for path in tracked_files()}

    assert not names & {"uv.lock", "Cargo.lock"}
