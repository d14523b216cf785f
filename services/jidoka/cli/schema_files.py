"""The files of `schemas/`, and the page about them: written from the models, and compared."""

from __future__ import annotations

from pathlib import Path

from jidoka.contract.page import contract_page
from jidoka.contract.schema import documents

PAGE = "../docs/events.md"
"""Beside the schemas, where there is a folder for documents."""
GENERATED = ("*.v1.json", "commands/*.json", "events/*.json", "live/*.json", "replies/*.json")
"""What belongs to the models; examples, asyncapi.yaml and the README are written by hand."""


def write(folder: Path) -> list[str]:
    """Make the generated files in `folder` what the models say; return the names that changed."""
    changed = check(folder)
    made = _made(folder)
    for name in changed:
        if name not in made:
            (folder / name).unlink()
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(made[name], encoding="utf-8")
    return changed


def check(folder: Path) -> list[str]:
    """Return the names of generated files that are missing, left over or not what models say."""
    made = _made(folder)
    there = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for pattern in GENERATED
        for path in folder.glob(pattern)
    }
    if (folder / PAGE).is_file():
        there[PAGE] = (folder / PAGE).read_text(encoding="utf-8")
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def _made(folder: Path) -> dict[str, str]:
    page = {PAGE: contract_page()} if (folder / PAGE).parent.is_dir() else {}
    return documents() | page
