"""The pins that CI and the image install: every dependency, exact, with hashes, from nowhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PINNED = re.compile(r"^([a-z0-9][a-z0-9-]*)==\S+ .*\\$", re.MULTILINE)
WANTED = {
    "requirements.txt": PROJECT["project"]["dependencies"],
    "requirements-dev.txt": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
    ],
    "requirements-local.txt": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["local"],
    ],
    "requirements-build.txt": PROJECT["build-system"]["requires"],
}


def name_of(requirement: str) -> str:
    match = NAME.match(requirement)
    assert match is not None, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("file", WANTED)
def test_every_dependency_is_pinned(file: str):
    pinned = set(PINNED.findall((ROOT / "deploy" / file).read_text()))

    missing = {name_of(wanted) for wanted in WANTED[file]} - pinned

    assert missing == set(), "run `poe pins`"


@pytest.mark.parametrize("file", WANTED)
def test_every_pin_has_hashes_and_no_address(file: str):
    text = (ROOT / "deploy" / file).read_text()

    bare = [line for line in text.splitlines() if re.match(r"\w", line) and "\\" not in line]

    assert bare == []
    assert "://" not in text
