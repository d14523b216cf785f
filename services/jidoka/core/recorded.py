"""Which commands are recorded: a map that only grows, and copies little when it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recorded:
    """Command key → the number it was recorded as, for the life of the log.

    The levels shrink by at least half from one to the next, so that adding copies O(log n)
    entries on average and folding a long log does not cost its square.
    """

    levels: tuple[Mapping[str, int], ...] = ()

    def add(self, key: str, sequence: int) -> Recorded:
        """Return the map with one more key; a key that is there keeps its first number."""
        if self.get(key) is not None:
            return self
        levels, newest = list(self.levels), {key: sequence}
        while levels and len(levels[-1]) <= len(newest):
            newest = {**levels.pop(), **newest}
        return Recorded((*levels, newest))

    def get(self, key: str) -> int | None:
        """Return the number of a command, None when it is not recorded."""
        for level in self.levels:
            if key in level:
                return level[key]
        return None

    def __len__(self) -> int:
        """Return how many commands are recorded."""
        return sum(len(level) for level in self.levels)
