"""One runtime for all stories: real programs, real processes, a scripted model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.home import Home, running_home

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home whose runtime is up for all stories; no key and no embedded model is needed."""
    folder = tmp_path_factory.mktemp("acceptance") / "home"
    with running_home(folder, JIDOKA_SESSION_LIMIT="200") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with one file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "note.txt").write_text("one\ntwo\n")
    return folder


@pytest.fixture
def script(tmp_path: Path) -> Write:
    """Write a script for the model; return its path."""

    def write(*answers: dict[str, Any], loop: bool = False, name: str = "script.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"answers": list(answers), "loop": loop}))
        return path

    return write


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """Return a tool call of a scripted answer."""
    return {"tool": tool, "arguments": arguments}


READ_EDIT_RUN: tuple[dict[str, Any], ...] = (
    {"text": "I look.", "tool_calls": [call("read", path="note.txt")]},
    {"tool_calls": [call("edit", path="note.txt", old="two", new="three")]},
    {"text": "I check.", "tool_calls": [call("shell", command="cat note.txt && echo made > new")]},
    {"reasoning": "All is well.", "text": "The note says three now."},
)
