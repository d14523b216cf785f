"""The files of `schemas/`: written from the models, and compared with them."""

from __future__ import annotations

from pathlib import Path

from jidoka.contract.schema import documents

GENERATED = ("*.v1.json", "commands/*.json", "events/*.json", "live/*.json", "replies/*.json")
"""What belongs to the models; examples, asyncapi.yaml and the README are written by hand."""


def write(folder: Path) -> list[str]:
    """Make the generated files in `folder` what the models say; return the names that changed."""
    changed = check(folder)
    made = documents()
    for name in changed:
        if name not in made:
            (folder / name).unlink()
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(made[name], encoding="utf-8")
    return changed


def check(folder: Path) -> list[str]:
    """Return the names of generated files that are missing, left over or not what models say."""
    made = documents()
    there = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for pattern in GENERATED
        for path in folder.glob(pattern)
    }
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
