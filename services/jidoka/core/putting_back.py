"""Which files an undo or redo writes, and which it must leave: a comparison of versions.

A step leads from one state of some files to another; several in a row make a chain. A file may be
written when it is as the chain begins, and needs nothing when it is as the chain ends. Everything
else is a person's work. The same plan, made again after a crash, asks for what is still to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple


class Version(NamedTuple):
    """A file's kind and content."""

    mode: str
    """As git writes it: `100644`, `100755`, `120000` for a link."""
    blob: str
    """The content's name in git."""


Step = Mapping[str, tuple[Version | None, Version | None]]
"""Path → version before and after; None: no such file."""
Versions = Mapping[str, Version | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done."""

    write: dict[str, Version | None]
    """Path → what it becomes; None: it is removed."""
    changed: tuple[str, ...]
    """Files that are neither as the chain begins nor as it ends, sorted."""
    paths: tuple[str, ...] = ()
    """All files that the chain changes, sorted: those that are written already too."""


def touched(steps: Sequence[Step]) -> list[str]:
    """Return the files of a chain, sorted."""
    return sorted({path for step in steps for path in step})


def plan(steps: Sequence[Step], now: Versions, ends: Versions) -> Plan:
    """Return what leads from the files as they are `now` to the end of a chain.

    `ends` overrules the chain's own end for the paths that it names.
    """
    write: dict[str, Version | None] = {}
    changed: list[str] = []
    paths: list[str] = []
    for path in touched(steps):
        chain = [step[path] for step in steps if path in step]
        end = ends[path] if path in ends else chain[-1][1]
        if end != chain[0][0]:
            paths.append(path)
        if now[path] == end:
            continue
        if now[path] != chain[0][0] or not _is_whole(chain):
            changed.append(path)
        write[path] = end
    return Plan(write, tuple(changed), tuple(paths))


def _is_whole(chain: Sequence[tuple[Version | None, Version | None]]) -> bool:
    """Tell whether nobody changed the file between two steps."""
    return all(one[1] == other[0] for one, other in pairwise(chain))


def backwards(steps: Sequence[Step]) -> list[Step]:
    """Return the chain that leads back."""
    return [
        {path: (after, before) for path, (before, after) in step.items()}
        for step in reversed(steps)
    ]
