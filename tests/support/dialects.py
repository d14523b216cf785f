"""The streams of providers that do not speak OpenAI's chat completions: one answer, one tool call.

Each says "Hello there", thinks "hm" where it can, and calls read({"path": "a.txt"}), for 11 tokens
in and 7 out.
"""

from __future__ import annotations

import json
from typing import Any

ARGUMENTS = '{"path": "a.txt"}'


def _events(*events: dict[str, Any], named: bool) -> bytes:
    lines: list[str] = []
    for event in events:
        if named:
            lines.append(f"event: {event['type']}")
        lines += [f"data: {json.dumps(event)}", ""]
    return "\n".join([*lines, ""]).encode()


def anthropic() -> bytes:
    """Return a stream of Anthropic's messages."""

    def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
        begin = {"type": "content_block_start", "index": index, "content_block": start}
        pieces = [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        return [begin, *pieces, {"type": "content_block_stop", "index": index}]

    message = {"id": "m1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    usage = {"input_tokens": 11, "output_tokens": 1}
    tool = {"type": "tool_use", "id": "toolu_0123456789", "name": "read", "input": {}}
    halves = [
        {"type": "input_json_delta", "partial_json": part}
        for part in (ARGUMENTS[:6], ARGUMENTS[6:])
    ]
    return _events(
        {"type": "message_start", "message": message | {"usage": usage}},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        {"type": "ping"},
        *block(
            1,
            {"type": "text", "text": ""},
            {"type": "text_delta", "text": "Hello "},
            {"type": "text_delta", "text": "there"},
        ),
        *block(2, tool, *halves),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"input_tokens": 11, "output_tokens": 7},
        },
        {"type": "message_stop"},
        named=True,
    )


def gemini() -> bytes:
    """Return a stream of Gemini's generateContent."""

    def said(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
        candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
        return {"candidates": [candidate | more], "usageMetadata": usage, "modelVersion": "gemini"}

    call = {"functionCall": {"name": "read", "args": json.loads(ARGUMENTS)}}
    return _events(
        said({"text": "hm", "thought": True}),
        said({"text": "Hello "}),
        said({"text": "there"}),
        said(call, finishReason="STOP"),
        named=False,
    )


def responses() -> bytes:
    """Return a stream of OpenAI's responses."""
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_0123456789",
        "name": "read",
        "arguments": "",
        "status": "in_progress",
    }
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt"}
    response |= {"output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    done = response | {"status": "completed", "usage": usage}
    text = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    arguments = {"item_id": "fc_1", "output_index": 1}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response | {"status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": message},
        {"type": "response.output_text.delta", "delta": "Hello "} | text,
        {"type": "response.output_text.delta", "delta": "there"} | text,
        {"type": "response.output_item.added", "output_index": 1, "item": call},
        {"type": "response.function_call_arguments.delta", "delta": ARGUMENTS[:6]} | arguments,
        {"type": "response.function_call_arguments.delta", "delta": ARGUMENTS[6:]} | arguments,
        {"type": "response.function_call_arguments.done", "arguments": ARGUMENTS} | arguments,
        {
            "type": "response.output_item.done",
            "output_index": 1,
            "item": call | {"arguments": ARGUMENTS, "status": "completed"},
        },
        {"type": "response.completed", "response": done},
    ]
    numbered = [event | {"sequence_number": number} for number, event in enumerate(events)]
    return _events(*numbered, named=True)


def stream_of(path: str) -> bytes | None:
    """Return the stream that belongs to a path, None where it is none of these."""
    if path.endswith("/messages"):
        return anthropic()
    if ":streamGenerateContent" in path:
        return gemini()
    return responses() if path.endswith("/responses") else None
