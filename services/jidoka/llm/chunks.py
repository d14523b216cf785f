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
_PLAIN: Final = "OpenAIChatCompletionStreamingHandler"
"""litellm's client for streams that are OpenAI's own, with nothing to translate."""
_HTTP_ERRORS: Final = range(400, 600)


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
        if type(raw).__name__ == _PLAIN:
            raw = _read(lines)
        else:
            raw.streaming_response = _readable(lines)
    async for chunk in raw:
        yield chunk


async def _read(lines: AsyncIterable[Any]) -> AsyncGenerator[Mapping[str, Any]]:
    """Yield the chunks of a stream that is OpenAI's own, as they stand there."""
    async for line in lines:
        data = _data(line)
        if data == _DONE:
            yield {"text": "", "is_finished": True, "finish_reason": "stop"}
        elif data:
            chunk: Any = json.loads(data)
            if chunk.get("error"):
                raise StreamError(chunk["error"])
            yield chunk


async def _readable(lines: AsyncIterable[Any]) -> AsyncGenerator[Any]:
    """Yield the lines of a stream; raise `JSONDecodeError` at data that is no JSON."""
    async for line in lines:
        data = _data(line)
        if data and data != _DONE:
            json.loads(data)
        yield line


def _data(line: Any) -> str:
    """Return the data of a line of server-sent events, empty for comments and the like."""
    is_data = isinstance(line, str) and line.startswith("data:")
    return line[5:].strip() if is_data else ""


class StreamError(Exception):
    """A provider reports an error within a stream that began well."""

    def __init__(self, error: Any) -> None:
        super().__init__("an error within the stream")
        code: Any = _get(error, "code")
        self.status_code = code if isinstance(code, int) and code in _HTTP_ERRORS else 500
        self.message = str(_get(error, "message") or "")


def pieces_of(chunk: Any) -> Iterator[Piece]:
    """Yield what a chunk says; tokens are apart, they may come in several chunks."""
    if isinstance(chunk, dict) and "choices" not in chunk:
        yield from _simple(cast("Mapping[str, Any]", chunk))
        return
    choices = _get(chunk, "choices")
    if not choices:
        return
    delta, end = _get(choices[0], "delta"), _get(choices[0], "finish_reason")
    if delta is not None:
        yield from _said(delta)
    if end:
        yield Finish(end if end in _ENDS else "stop")


def _get(thing: Any, name: str) -> Any:
    """Return a field of a chunk, whether it is JSON or an object; None where it has none."""
    if isinstance(thing, dict):
        return cast("Mapping[str, Any]", thing).get(name)
    return getattr(thing, name, None)


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
    thought = _get(delta, "reasoning_content") or _get(delta, "reasoning")
    if isinstance(thought, str) and thought:
        yield Reasoning(thought)
    if content := _get(delta, "content"):
        yield Text(_text(content))
    if declined := _get(delta, "refusal"):
        yield Declined(str(declined))
    for part in _get(delta, "tool_calls") or ():
        yield _call_part(part)
    old = _get(delta, "function_call")
    if old is not None:  # the form before tool calls: one call, no id
        yield CallPart(0, None, _get(old, "name"), _get(old, "arguments") or "")


def _call_part(part: Any) -> CallPart:
    function = _get(part, "function")
    arguments = _get(function, "arguments") or ""
    if not isinstance(arguments, str):  # an object, from servers that parse it themselves
        arguments = write_json(arguments).decode()
    name = _get(function, "name")
    return CallPart(_get(part, "index"), _get(part, "id") or None, name or None, arguments)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(_get(item, "text") or "") for item in content)


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
    return _get(chunk, "usage")


_COUNTED: Final = ("prompt_tokens", "completion_tokens", "cost")
"""Some providers say what they charge; zero is no price."""


def _number(usage: Any, name: str) -> float | None:
    value = _get(usage, name)
    is_count = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return value if is_count else None
