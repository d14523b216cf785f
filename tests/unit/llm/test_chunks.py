"""Chunks of a stream, in every shape that litellm's clients give."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from types import SimpleNamespace as Thing
from typing import Any

import pytest

from jidoka.contract.content import Usage
from jidoka.llm.chunks import chunks_of, pieces_of, tokens_of
from jidoka.llm.pieces import CallPart, Declined, Finish, Reasoning, Spent, Text


def chunk(finish: str | None = None, **delta: Any) -> Thing:
    said = Thing(**({"content": None, "tool_calls": None} | delta))
    return Thing(choices=[Thing(delta=said, finish_reason=finish)])


def part(arguments: Any, **fields: Any) -> Thing:
    function = Thing(name=fields.pop("name", None), arguments=arguments)
    return Thing(**({"index": 0, "id": None, "function": function} | fields))


@pytest.mark.parametrize(
    ("given", "pieces"),
    [
        (chunk(content="hi"), [Text("hi")]),
        (chunk(content=""), []),
        (chunk(content=[Thing(text="a"), Thing(text="b")]), [Text("ab")]),
        (chunk(reasoning_content="hm"), [Reasoning("hm")]),
        (chunk(reasoning="hm", content="so"), [Reasoning("hm"), Text("so")]),
        (chunk(refusal="no"), [Declined("no")]),
        (chunk("stop", content="end"), [Text("end"), Finish("stop")]),
        (chunk("eos"), [Finish("stop")]),
        (chunk("length"), [Finish("length")]),
        (chunk(tool_calls=[part("{", id="c1", name="read")]), [CallPart(0, "c1", "read", "{")]),
        (chunk(tool_calls=[part({"a": 1})]), [CallPart(0, None, None, '{"a":1}')]),
        (chunk(tool_calls=[part(None, index=None)]), [CallPart(None, None, None, "")]),
        (
            chunk(function_call=Thing(name="read", arguments="{}")),
            [CallPart(0, None, "read", "{}")],
        ),
        (Thing(choices=[]), []),
        (Thing(choices=[Thing(delta=None, finish_reason="stop")]), [Finish("stop")]),
        (None, []),
        ({"text": "hi", "is_finished": False, "finish_reason": ""}, [Text("hi")]),
        ({"text": "", "is_finished": True, "finish_reason": "length"}, [Finish("length")]),
        (
            {"text": "", "tool_use": {"index": 1, "id": "c", "function": {"name": "read"}}},
            [CallPart(1, "c", "read", "")],
        ),
    ],
)
def test_a_chunk_is_read_in_every_shape(given: Any, pieces: list[Any]):
    assert list(pieces_of(given)) == pieces


@pytest.mark.parametrize(
    ("usage", "spent"),
    [
        (
            Thing(prompt_tokens=3, completion_tokens=2),
            Spent(Usage(input_tokens=3, output_tokens=2)),
        ),
        (
            {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.5},
            Spent(Usage(input_tokens=3, output_tokens=2), 0.5),
        ),
        (
            Thing(prompt_tokens=3, completion_tokens=None, cost=0),
            Spent(Usage(input_tokens=3, output_tokens=0)),
        ),
        (Thing(prompt_tokens=-1, completion_tokens=None), None),
        (Thing(prompt_tokens="many", completion_tokens=None), None),
        (None, None),
    ],
)
def test_tokens_are_told_or_unknown(usage: Any, spent: Spent | None):
    assert tokens_of(Thing(choices=[], usage=usage)) == spent
    assert tokens_of({"text": "", "usage": usage}) == spent


class Client:
    """A client of litellm's that reads lines."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.streaming_response = self._lines(lines)

    async def _lines(self, lines: Iterable[str]) -> AsyncGenerator[str]:
        for line in lines:
            yield line

    def __aiter__(self) -> AsyncGenerator[str]:
        return self.streaming_response


async def read(lines: list[str]) -> list[Any]:
    return [chunk async for chunk in chunks_of(Thing(completion_stream=Client(lines)))]


async def test_comments_and_blank_lines_of_a_stream_are_no_harm():
    lines = [": keep-alive", "", "event: ping", 'data: {"a": 1}', "data: [DONE]"]

    assert await read(lines) == lines


async def test_a_line_that_is_no_json_ends_the_stream():
    with pytest.raises(ValueError, match="Expecting"):
        await read(['data: {"a": 1}', 'data: {"a": '])


async def test_a_stream_that_only_litellm_can_read_is_left_to_it():
    class Answer:
        completion_stream = b"in a thread"

        async def __aiter__(self) -> AsyncGenerator[str]:
            yield "chunk"

    assert [found async for found in chunks_of(Answer())] == ["chunk"]
