"""The conversation as the small model needs it: turns of steps, each a call and its result.

A fold of the messages and nothing else, so the same conversation always gives the same request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast


@dataclass(slots=True)
class Step:
    """One tool call and what came of it; `result` is empty until it ended."""

    name: str
    args: Mapping[str, Any]
    thought: str = ""
    result: str = ""

    @property
    def key(self) -> str:
        """What makes two calls identical."""
        return json.dumps([self.name, self.args], sort_keys=True)


@dataclass(slots=True)
class Turn:
    """What a person said, what was done about it, and what was answered (empty: not yet)."""

    asked: str
    steps: list[Step] = field(default_factory=list[Step])
    answer: str = ""


def turns_of(messages: Sequence[Mapping[str, Any]]) -> tuple[Turn, ...]:
    """Return the turns of an OpenAI-format conversation; system messages are left out."""
    turns: list[Turn] = []
    waiting: dict[str, Step] = {}
    for message in messages:
        text = text_of(message.get("content"))
        match message.get("role"):
            case "user":
                turns.append(Turn(text))
            case "assistant" if turns:
                _take_answer(turns[-1], message, text, waiting)
            case "tool":
                step = waiting.pop(str(message.get("tool_call_id")), None)
                if step is not None:
                    step.result = text or "(nothing)"
            case _:
                pass  # a system prompt is for a bigger model; an answer before any question is lost
    return tuple(turns)


def _take_answer(
    turn: Turn, message: Mapping[str, Any], text: str, waiting: dict[str, Step]
) -> None:
    calls = cast("list[Mapping[str, Any]]", message.get("tool_calls") or [])
    if not calls:
        turn.answer = text
    for call in calls:
        function = cast("Mapping[str, Any]", call.get("function") or {})
        step = Step(str(function.get("name")), _arguments(function.get("arguments")), text)
        waiting[str(call.get("id"))] = step
        turn.steps.append(step)


def _arguments(raw: object) -> Mapping[str, Any]:
    """Return the arguments of a call, which providers send as JSON text or as an object."""
    try:
        parsed: object = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, dict) else {}


def text_of(content: object) -> str:
    """Return the text of a message's content, which is text, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    parts = cast("list[object]", content) if isinstance(content, list) else []
    texts = (
        cast("Mapping[str, Any]", part).get("text") for part in parts if isinstance(part, dict)
    )
    return "\n".join(text for text in texts if isinstance(text, str))
