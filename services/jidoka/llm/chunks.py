"""What litellm's clients give of a stream, read as pieces. Pure: whatever made the chunks.

They have OpenAI's shape, or litellm's own simple one, a dictionary. Lines that are no JSON the
clients would drop without a word, a part of the answer with them: here they end the stream.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping
from typing import Any, Final, cast

from jidoka.contract.content import Usage
from jidoka.contract.json import write_json
from jidoka.llm.pieces import CallPart, Declined, Finish, Piece, Reasoning, Spent, Text

_ENDS: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})


_DONE: Final = "[DONE]"


async def chunks_of(answer: Any) -> AsyncGenerator[Any]:
    """Yield the chunks of litellm's answer as its client gives them.

    What litellm itself makes of each chunk costs ten times as much as reading it.

    Raises:
        ValueError: a line of the stream is no JSON.
    """
    if getattr(answer, "make_call", None) is not None:
        await answer.fetch_stream()  # some providers are asked only when their stream is read
    raw: Any = getattr(answer, "completion_stream", None)
    if not hasattr(raw, "__aiter__"):
        raw = answer  # a stream that is read in a thread: litellm knows how
    lines: Any = getattr(raw, "streaming_response", None)
    if hasattr(lines, "__aiter__"):
        raw.streaming_response = _readable(lines)
    async for chunk in raw:
        yield chunk


async def _readable(lines: AsyncIterable[Any]) -> AsyncGenerator[Any]:
    """Yield the lines of a stream; raise `JSONDecodeError` at data that is no JSON."""
    async for line in lines:
        if isinstance(line, str) and line.startswith("data:"):
            data = line[5:].strip()
            if data and data != _DONE:
                json.loads(data)
        yield line


def pieces_of(chunk: Any) -> Iterator[Piece]:
    """Yield what a chunk says; tokens are apart, they may come in several chunks."""
    if isinstance(chunk, dict):
        yield from _simple(cast("Mapping[str, Any]", chunk))
        return
    choices = getattr(chunk, "choices", None)
    if not choices:
        return
    delta, end = choices[0].delta, choices[0].finish_reason
    if delta is not None:
        yield from _said(delta)
    if end:
        yield Finish(end if end in _ENDS else "stop")


def _simple(chunk: Mapping[str, Any]) -> Iterator[Piece]:
    """Yield what a chunk of litellm's simple shape says."""
    if text := chunk.get("text"):
        yield Text(str(text))
    tool: Mapping[str, Any] = chunk.get("tool_use") or {}
    if tool:
        function: Mapping[str, Any] = tool.get("function") or {}
        name, arguments = function.get("name"), function.get("arguments") or ""
        yield CallPart(tool.get("index"), tool.get("id"), name, arguments)
    if chunk.get("is_finished"):
        end = str(chunk.get("finish_reason") or "")
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
    usage = usage_in(chunk)
    if not usage:
        return None
    asked, said, cost = (_number(usage, name) for name in _COUNTED)
    if asked is None and said is None:
        return None
    tokens = Usage(input_tokens=int(asked or 0), output_tokens=int(said or 0))
    return Spent(tokens, cost or None)


def usage_in(chunk: Any) -> Any:
    """Return what a chunk says of tokens, as it says it; None where it says nothing."""
    if isinstance(chunk, dict):
        return cast("Mapping[str, Any]", chunk).get("usage")
    return getattr(chunk, "usage", None)


_COUNTED: Final = ("prompt_tokens", "completion_tokens", "cost")
"""Some providers say what they charge; zero is no price."""


def _number(usage: Any, name: str) -> float | None:
    value: Any = getattr(usage, name, None)
    if isinstance(usage, dict):
        value = cast("Mapping[str, Any]", usage).get(name)
    is_count = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return value if is_count else None
