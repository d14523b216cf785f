"""What the fake provider says, in chunks of OpenAI's shape, by the name of the model."""

from __future__ import annotations

from typing import Any

Chunk = dict[str, Any]


def delta(finish: str | None = None, **fields: Any) -> Chunk:
    """Return one chunk of a stream."""
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "delta": fields, "finish_reason": finish}],
    }


def words(count: int) -> list[Chunk]:
    """Return `count` chunks of text, no two alike."""
    return [delta(content=f"w{number} ") for number in range(count)]


def tool_part(
    index: int, arguments: str, call_id: str | None = None, name: str | None = None
) -> Chunk:
    """Return a piece of a tool call."""
    function = {"arguments": arguments} | ({"name": name} if name else {})
    part: dict[str, Any] = {"index": index, "type": "function", "function": function}
    return delta(tool_calls=[part | ({"id": call_id} if call_id else {})])


def usage(messages: list[Any], said: int, cached: int = 0) -> Chunk:
    """Return the last chunk, with the tokens used."""
    asked = 5 * len(messages)
    spent: Chunk = {"prompt_tokens": asked, "completion_tokens": said}
    spent |= {"total_tokens": asked + said, "prompt_tokens_details": {"cached_tokens": cached}}
    return delta() | {"choices": [], "usage": spent}


def answer(model: str, messages: list[Any]) -> list[Chunk]:
    """Return the chunks of an ordinary answer."""
    kind, _, rest = model.partition("-")
    if kind == "tool" and not any(m.get("role") == "tool" for m in messages):
        call = [tool_part(0, "", "call_a1b2c3d4", rest), tool_part(0, '{"path": ')]
        return [*call, tool_part(0, '"a.txt"}'), delta("tool_calls")]
    match model:
        case "parallel":
            first = [
                tool_part(0, "", "call_first1", "read"),
                tool_part(1, "", "call_second", "grep"),
            ]
            rest_of = [tool_part(0, '{"path":'), tool_part(1, '{"text":'), tool_part(0, '"a"}')]
            return [*first, *rest_of, tool_part(1, '"b"}'), delta("tool_calls")]
        case "same-index":
            both = [
                tool_part(0, '{"path":"a"}', "call_first1", "read"),
                tool_part(0, '{"path":"b"}', "call_second", "read"),
            ]
            return [*both, delta("tool_calls")]
        case "reasoning":
            return [
                delta(reasoning_content="let me "),
                delta(reasoning_content="see"),
                *words(1),
                delta("stop"),
            ]
        case "as-text":
            call = '<tool_call>{"name": "read", "arguments": {"path": "a.txt"}}</tool_call>'
            return [delta(content="I will look. "), delta(content=call), delta("stop")]
        case "length":
            return [*words(2), delta("length")]
        case "filter":
            return [*words(1), delta("content_filter")]
        case "refusal":
            return [delta(refusal="I will not do that."), delta("stop")]
        case "empty":
            return [delta("stop")]
        case _:
            count = int(rest) if kind in ("words", "slow") else 3
            return [*words(count), delta("stop")]
