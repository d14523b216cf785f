"""What attempts came to: one row a task, and the sum of all, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from jidoka.contract import events as e
from tests.evaluation.attempts import Attempt

HEADS = ("task", "language", "solved", "outcome", "turns", "steps", "in", "out", "cost", "seconds")
WIDTHS = (20, 10, 6, 12, 5, 5, 9, 7, 9, 7)


@dataclass(frozen=True)
class Score:
    """One attempt in numbers; tokens and cost are None where nobody said."""

    task: str
    language: str
    solved: bool
    outcome: str
    turns: int
    steps: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    seconds: float
    error: str | None = None


def score_of(done: Attempt, *, solved: bool) -> Score:
    """Return the numbers of an attempt; what its calls used counts also where it had no end."""
    answers = [event for event in done.events if isinstance(event, e.LlmResponded)]
    usages = [answer.usage for answer in answers if answer.usage]
    costs = [answer.cost_usd for answer in answers if answer.cost_usd is not None]
    ended = done.ended
    return Score(
        task=done.task.name,
        language=done.task.language,
        solved=solved,
        outcome="out of time" if done.timed_out else str(ended.outcome) if ended else "no end",
        turns=done.count(e.TurnEnded),
        steps=len(answers),
        input_tokens=sum(usage.input_tokens for usage in usages) if usages else None,
        output_tokens=sum(usage.output_tokens for usage in usages) if usages else None,
        cost_usd=sum(costs) if costs else None,
        seconds=round(done.seconds, 1),
        error=ended.error.code if ended and ended.error else None,
    )


def head() -> str:
    """Return the first line of the table."""
    return _line(HEADS)


def row(score: Score) -> str:
    """Return the line of one task."""
    outcome = score.error or score.outcome
    return _line(
        (
            *(score.task, score.language, "yes" if score.solved else "no", outcome),
            *(str(score.turns), str(score.steps)),
            *(_count(score.input_tokens), _count(score.output_tokens), _money(score.cost_usd)),
            f"{score.seconds:.1f}",
        )
    )


def total(scores: Sequence[Score]) -> str:
    """Return the last line: how many of how many, and the sums."""
    solved = sum(score.solved for score in scores)
    given = [score.cost_usd for score in scores if score.cost_usd is not None]
    tokens_in = [score.input_tokens for score in scores if score.input_tokens is not None]
    tokens_out = [score.output_tokens for score in scores if score.output_tokens is not None]
    return _line(
        (
            *("all", "", f"{solved}/{len(scores)}", ""),
            str(sum(score.turns for score in scores)),
            str(sum(score.steps for score in scores)),
            _count(sum(tokens_in) if tokens_in else None),
            _count(sum(tokens_out) if tokens_out else None),
            _money(sum(given) if given else None),
            f"{sum(score.seconds for score in scores):.1f}",
        )
    )


def as_json(model: str, mode: str, scores: Sequence[Score]) -> str:
    """Return everything as one JSON object."""
    told = {
        "model": model,
        "mode": mode,
        "solved": sum(score.solved for score in scores),
        "tasks": [asdict(score) for score in scores],
    }
    return json.dumps(told, indent=1)


def _line(cells: Sequence[str]) -> str:
    padded = (
        f"{cell:<{width}}" if number < 4 else f"{cell:>{width}}"
        for number, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    )
    return " ".join(padded).rstrip()


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _money(cost_usd: float | None) -> str:
    return "?" if cost_usd is None else f"${cost_usd:.4f}"
