"""The pieces of a conversation: what can be kept, cut or left out, but never split.

An answer and the results of its calls are one piece, so a call is never without its result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, assert_never

from jidoka.contract import events as e
from jidoka.core.tokens import FRAME, tokens_of

_CUT_LINE = 48
"""Characters that are enough to say how much was cut."""
SUMMARY = "summary"
"""The turn of what stands for an earlier part."""


@dataclass(slots=True)
class Said:
    """Something said that stands for itself."""

    message: dict[str, Any]
    ref: str = ""
    """The id of the message, or of the turn whose end this tells, or of the summary's call."""
    turn_id: str = ""
    tokens: int = 0

    @classmethod
    def by(cls, role: str, content: str, ref: str, turn_id: str) -> Said:
        """Return what `user` or `assistant` said."""
        tokens = FRAME + tokens_of(content)
        return cls({"role": role, "content": content}, ref, turn_id, tokens)

    @property
    def messages(self) -> int:
        """How many messages of the model's it is."""
        return 1

    @property
    def is_asked(self) -> bool:
        """Whether a person said it."""
        return self.message["role"] == "user" and self.turn_id != SUMMARY


@dataclass(slots=True)
class Answered:
    """An answer of the model and the results of its calls, as far as they are known."""

    event: e.LlmResponded
    results: dict[str, str] = field(default_factory=dict[str, str])
    tokens: int = 0

    @classmethod
    def of(cls, event: e.LlmResponded) -> Answered:
        """Return an answer without results."""
        tokens = FRAME + tokens_of(event.content)
        for call in event.tool_calls:
            tokens += 2 * FRAME + tokens_of(call.tool) + tokens_of(call.arguments)
        return cls(event, {}, tokens)

    @property
    def messages(self) -> int:
        """How many messages of the model's it is: the answer, and each result of its calls."""
        return 1 + len(self.event.tool_calls)

    @property
    def ref(self) -> str:
        """The id of the model's call."""
        return self.event.call_id

    @property
    def turn_id(self) -> str:
        """The turn that it is of."""
        return self.event.turn_id

    def asked_for(self, call_id: str) -> bool:
        """Tell whether it asked for that tool call."""
        return any(call.call_id == call_id for call in self.event.tool_calls)

    def settle(self, call_id: str, text: str) -> None:
        """Note the result of a call; the first one stays."""
        if call_id not in self.results:
            self.results[call_id] = text
            self.tokens += tokens_of(text)

    def shortened(self, most: int) -> Answered:
        """Return it with results of at most `most` characters, and what is missing said."""
        results = {call_id: shortened(text, most) for call_id, text in self.results.items()}
        if results == self.results:
            return self
        saved = sum(map(tokens_of, self.results.values())) - sum(map(tokens_of, results.values()))
        return Answered(self.event, results, self.tokens - saved)


Piece = Said | Answered


def result_of(event: e.ToolCompleted | e.ToolFailed | e.ToolInterrupted | e.ToolDenied) -> str:
    """Return what the model reads of a call that has ended."""
    match event:
        case e.ToolCompleted(output=output):
            return output
        case e.ToolFailed(error=error, output=output):
            return f"error: {error.code}: {error.message}\n{output}".strip()
        case e.ToolInterrupted(known=known):
            return f"interrupted: {known}"
        case e.ToolDenied(by=by, reason=reason):
            return f"denied by {by}. {reason}".strip()
        case _:
            assert_never(event)


def shortened(text: str, most: int) -> str:
    """Return head and tail of a text that is longer than `most` characters, and what is missing.

    What is returned has at most so many characters, where that is enough to say so.
    """
    if len(text) <= most:
        return text
    half = max(most - _CUT_LINE, 0) // 2
    line = f"[... {len(text) - 2 * half} characters were cut ...]"
    return f"{text[:half]}\n{line}\n{text[-half:]}" if half else line
