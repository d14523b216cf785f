"""Chunks of OpenAI's shape, read as pieces. Pure: it looks at attributes, whatever made them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from jidoka.contract.content import Usage
from jidoka.contract.json import write_json
from jidoka.llm.pieces import CallPart, Declined, Finish, Piece, Reasoning, Spent, Text

_ENDS: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})


def pieces_of(chunk: Any) -> Iterator[Piece]:
    """Yield what a chunk says; tokens are apart, they may come in several chunks."""
    choices = getattr(chunk, "choices", None)
    if not choices:
        return
    delta, end = choices[0].delta, choices[0].finish_reason
    if delta is not None:
        yield from _said(delta)
    if end:
        yield Finish(end if end in _ENDS else "stop")


def _said(delta: Any) -> Iterator[Piece]:
    thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
    if isinstance(thought, str) and thought:
        yield Reasoning(thought)
    if delta.content:
        yield Text(_text(delta.content))
    if declined := getattr(delta, "refusal", None):
        yield Declined(str(declined))
    for part in getattr(delta, "tool_calls", None) or ():
        yield _call_part(part)
    old = getattr(delta, "function_call", None)
    if old is not None:  # the form before tool calls: one call, no id
        yield CallPart(0, None, old.name, old.arguments or "")


def _call_part(part: Any) -> CallPart:
    function = part.function
    arguments = getattr(function, "arguments", None) or ""
    if not isinstance(arguments, str):  # an object, from servers that parse it themselves
        arguments = write_json(arguments).decode()
    name = getattr(function, "name", None)
    return CallPart(getattr(part, "index", None), part.id or None, name or None, arguments)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(getattr(item, "text", "")) for item in content)


def tokens_of(chunk: Any) -> Spent | None:
    """Return the tokens that a chunk reports, None where it reports none."""
    usage = getattr(chunk, "usage", None)
    if usage is None:
        return None
    cost = getattr(usage, "cost", None)  # some providers say what they charge
    try:
        tokens = Usage(
            input_tokens=usage.prompt_tokens or 0, output_tokens=usage.completion_tokens or 0
        )
    except (ValidationError, AttributeError):
        return None
    return Spent(tokens, float(cost) if isinstance(cost, int | float) and cost > 0 else None)
