"""Answers that ended at their limit of tokens: they go on, a few times, instead of ending a turn.

What was cut within a tool call is a call with broken arguments; its result says why.
"""

from __future__ import annotations

from typing import Any, Final

from jidoka.contract.events import LlmResponded

MOST_CUTS: Final = 3
"""In a row; the next one is the turn's answer as it is."""
GO_ON: Final[dict[str, Any]] = {
    "role": "user",
    "content": (
        "(Your answer was cut at its limit of tokens. Go on right where it ended; a tool call "
        "that was cut has to be made anew, with less in it.)"
    ),
}
CUT_CALL: Final = (
    "\n(Your answer was cut at its limit of tokens: nothing behind this call was heard. "
    "Do it in smaller pieces.)"
)


def is_cut(answer: LlmResponded) -> bool:
    """Tell whether an answer ended because it was too long, not because it was done."""
    return answer.finish_reason == "length"


def goes_on(answer: LlmResponded, cuts: int) -> bool:
    """Tell whether the model is asked to go on; `cuts` answers before were cut in a row."""
    return is_cut(answer) and not answer.tool_calls and cuts < MOST_CUTS


def whole(begun: str, answer: LlmResponded, cuts: int) -> str:
    """Return the answer of the turn so far: what was cut, and what goes on with it."""
    return begun + answer.content if cuts else answer.content or begun
