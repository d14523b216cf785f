"""Measured figures: medians and ratios, printed as a table and as JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value beside what was asked for."""

    name: str
    value: float
    unit: str
    gate: float | None = None
    """What the release asks for, at most (or at least, see `more_is_better`)."""
    aim: float | None = None
    more_is_better: bool = False
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the gate was reached in this run; None without a gate."""
        if self.gate is None:
            return None
        return self.value >= self.gate if self.more_is_better else self.value <= self.gate


def p50(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as lines a person reads."""
    rows = [f"{'figure':58} {'value':>10} {'unit':9} {'gate':>9}  reached"]
    for figure in figures:
        gate = "" if figure.gate is None else f"{figure.gate:g}"
        mark = {True: "yes", False: "NO", None: ""}[figure.reached]
        value = f"{figure.value:.4g}"
        rows.append(f"{figure.name:58} {value:>10} {figure.unit:9} {gate:>9}  {mark} {figure.note}")
    return "\n".join(rows)


def as_json(figures: Sequence[Figure]) -> str:
    """Return the figures as JSON."""
    return json.dumps([{**asdict(f), "reached": f.reached} for f in figures], indent=1)
