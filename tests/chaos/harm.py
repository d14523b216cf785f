"""Harm to the files of a broker's store: flipped bits, files cut short, an older copy put back."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

EVENTS = "JIDO_EVENTS"


@dataclass(frozen=True)
class Harm:
    """What was done to which file, and where."""

    kind: str
    file: str
    at: int

    def __str__(self) -> str:
        """Say it so that it can be done again."""
        return f"{self.kind} {self.file} at {self.at}"


def flip(store: Path, dice: random.Random) -> Harm:
    """Flip one bit of one file: mostly in the events themselves, else of any file of the store."""
    file = _chosen(store, dice)
    at, bit = dice.randrange(file.stat().st_size), dice.randrange(8)
    with file.open("r+b") as body:  # in place: a broker that runs holds the file open
        body.seek(at)
        byte = body.read(1)[0]
        body.seek(at)
        body.write(bytes([byte ^ 1 << bit]))
    return Harm("flip", file.name, at)


def cut(store: Path, dice: random.Random) -> Harm:
    """Cut one file short."""
    file = _chosen(store, dice)
    at = dice.randrange(file.stat().st_size)
    os.truncate(file, at)
    return Harm("cut", file.name, at)


def roll_back(store: Path, older: Path) -> Harm:
    """Put an older copy of the whole store in its place."""
    shutil.rmtree(store)
    shutil.copytree(older, store)
    return Harm("roll back", store.name, 0)


def _chosen(store: Path, dice: random.Random) -> Path:
    files = sorted(file for file in store.rglob("*") if file.is_file() and file.stat().st_size)
    blocks = [file for file in files if EVENTS in file.parts and file.suffix == ".blk"]
    about = [file for file in files if EVENTS in file.parts and file not in blocks]
    luck = dice.random()
    return dice.choice(blocks if luck < 0.7 else about if luck < 0.85 else files)
