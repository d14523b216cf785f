"""Requests that a small model can answer, made of those that a capable one would get, and back.

A step takes one answer, a JSON object that a grammar forces: which tool, on what. A change takes a
second one, in plain words: its code. Pure: the same conversation gives the same requests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from jidoka.llm.small_model.code import arguments_of, question_for, said_before
from jidoka.llm.small_model.grammar import CHANGES, alternatives
from jidoka.llm.small_model.history import Step, Turn, failed, turns_of, unnumbered
from jidoka.llm.small_model.prompt import FINISH, spoken, system_prompt

HEAD_CHARS: Final = 300
TAIL_CHARS: Final = 900
READ_CHARS: Final = 3_000
WINDOW_CHARS: Final = 14_000  # some 4,500 tokens of the 8,192, beside prompt and answer
STEP_TOKENS: Final = 300
CODE_TOKENS: Final = 900
AGAIN_TEMPERATURE: Final = 0.7
Messages = Sequence[Mapping[str, Any]]
Request = dict[str, Any]


def compact(messages: Messages, tools: Messages, attempt: int = 1) -> Request:
    """Return the chat completion that chooses the next step; messages and tools are OpenAI's.

    A later `attempt` is another throw: a step that did not end would not end again.
    """
    offered = [str(tool.get("function", {}).get("name")) for tool in tools]
    turns = turns_of(messages)
    schema = alternatives(turns, offered)
    return {
        "messages": [{"role": "system", "content": system_prompt(offered)}, *windowed(turns)],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "step", "strict": True, "schema": schema},
        },
        "temperature": AGAIN_TEMPERATURE if attempt > 1 else 0.0,
        "seed": attempt - 1,
        "max_tokens": STEP_TOKENS,
    }


def question(text: str, messages: Messages) -> Request | None:
    """Return the chat completion that writes the code of a change, None if the step is none.

    Raises:
        ValueError: `text` is no answer to `compact`.
    """
    said, turns = _step(text), turns_of(messages)
    if said["tool"] not in CHANGES:
        return None
    futile = sum(step.name in CHANGES and failed(step) for step in turns[-1].steps)
    asked = question_for(turns, str(said.get("path")))
    return {
        "messages": [{"role": "user", "content": asked}],
        "temperature": AGAIN_TEMPERATURE if futile else 0.0,  # the same words would come again
        "seed": futile,
        "max_tokens": CODE_TOKENS,
    }


def expand(text: str, answer: str, messages: Messages) -> tuple[str, list[dict[str, Any]]]:
    """Return the visible text and the tool calls (OpenAI's shape) of a step.

    `answer` is what was said to its question; empty if there was none.

    Raises:
        ValueError: `text` is no answer to `compact`; it was cut, or the server knows no grammars.
    """
    said = _step(text)
    name = str(said.pop("tool"))
    arguments: Mapping[str, Any] = said
    if name == FINISH:
        return str(said.get("answer", "")), []
    if name in CHANGES:
        name, arguments = arguments_of(turns_of(messages), str(said.get("path")), answer)
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": _call_id(messages, text), "type": "function", "function": function}
    return said_before(answer), [call]


def _step(text: str) -> dict[str, Any]:
    try:
        parsed: object = json.loads(text)
    except ValueError:
        raise ValueError(f"a step that did not end within {STEP_TOKENS} tokens") from None
    if not isinstance(parsed, dict) or "tool" not in parsed:
        raise ValueError("the answer names no tool")
    return cast("dict[str, Any]", parsed)


def _call_id(messages: Messages, text: str) -> str:
    """Return an id that the same answer at the same place always gets."""
    return "call_" + hashlib.sha256(f"{len(messages)}\n{text}".encode()).hexdigest()[:16]


def windowed(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """Return the conversation within the window: what was asked last, and the latest steps."""
    said = [list(_said(turn)) for turn in turns]
    while len(said) > 1 and _size(said) > WINDOW_CHARS:
        said.pop(0)
    while said and _size(said) > WINDOW_CHARS and said[0][3:]:
        del said[0][1:3]  # a step and its result
    return [message for turn in said for message in turn]


def _size(said: Sequence[Sequence[Mapping[str, str]]]) -> int:
    return sum(len(message["content"]) for turn in said for message in turn)


def _said(turn: Turn) -> Iterator[dict[str, str]]:
    yield {"role": "user", "content": f"Task: {clipped(turn.asked, READ_CHARS, TAIL_CHARS)}"}
    for step in turn.steps:
        yield {"role": "assistant", "content": clipped(spoken(step.name, step.args), 900, 300)}
        yield {"role": "user", "content": _result(step)}
    if turn.answer:
        yield {"role": "assistant", "content": spoken(FINISH, {"answer": turn.answer})}


def _result(step: Step) -> str:
    if step.name in CHANGES and not failed(step):
        return f"Edited {step.args.get('path')}. Run the check now."
    if step.name == "read":
        return clipped(unnumbered(step.result), READ_CHARS, TAIL_CHARS)
    return clipped(step.result, HEAD_CHARS, TAIL_CHARS)


def clipped(text: str, head: int, tail: int) -> str:
    """Return `text`, or its first `head` and last `tail` characters."""
    return text if len(text) <= head + tail else f"{text[:head]}\n[...]\n{text[-tail:]}"
