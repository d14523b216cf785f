"""Requests that a small model can answer, made of those that a capable one would get, and back.

Pure: the same conversation gives the same request, whatever was asked before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from jidoka.llm.small_model.blocks import blocks_of, head_of
from jidoka.llm.small_model.grammar import alternatives
from jidoka.llm.small_model.history import Step, Turn, turns_of
from jidoka.llm.small_model.phase import FINISH
from jidoka.llm.small_model.prompt import JOINT, spoken, system_prompt
from jidoka.llm.small_model.view import EDIT, READ, Stage, failed, unnumbered, view_of

RESULT_CHARS: Final = 2_400
ASKED_CHARS: Final = 4_000
WINDOW_CHARS: Final = 16_000  # some 5,000 tokens of the 8,192, beside prompt and answer
MAX_TOKENS: Final = 600
AGAIN_TEMPERATURE: Final = 0.7
Message = dict[str, str]


def compact(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the keyword arguments of the chat completion that takes the next step.

    `messages` and `tools` are OpenAI's. The temperature is 0; only after a change that did not
    help it rises, with a fixed seed, since the same thought would come again.
    """
    offered = names_of(tools)
    turns = turns_of(messages)
    view = view_of(turns)
    again = view.stage is Stage.FAILED or bool(view.futile)
    schema = alternatives(view, offered)
    return {
        "messages": [{"role": "system", "content": system_prompt(offered)}, *windowed(turns)],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "step", "strict": True, "schema": schema},
        },
        "temperature": AGAIN_TEMPERATURE if again else 0.0,
        "seed": view.edits + len(view.futile),
        "max_tokens": MAX_TOKENS,
    }


def expand(text: str, messages: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Return the visible text and the tool calls (OpenAI's shape) of an answer to `compact`.

    Raises:
        ValueError: the answer is no such JSON; it was cut, or the server knows no grammars.
    """
    parsed: object = json.loads(text)
    if not isinstance(parsed, dict) or "tool" not in parsed:
        raise ValueError("the answer names no tool")
    said = cast("dict[str, Any]", parsed)
    thought, tool = str(said.pop("thought", "")), str(said.pop("tool"))
    if tool == FINISH:
        return str(said.get("answer", "")), []
    if tool == EDIT and "block" in said:
        thought += JOINT + str(said.pop("fix", ""))
        said = _looked_up(said, messages)
    arguments = json.dumps(said)
    call = {"id": call_id(messages, text), "type": "function"}
    return thought, [{**call, "function": {"name": tool, "arguments": arguments}}]


def _looked_up(said: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an edit with the text of the block that it names."""
    contents = view_of(turns_of(messages)).contents
    old = blocks_of(contents.get(str(said["path"]), "")).get(str(said["block"]), "")
    return {"path": said["path"], "old": old, "new": str(said["new"]).strip("\n")}


def call_id(messages: Sequence[Mapping[str, Any]], text: str) -> str:
    """Return an id that the same answer at the same place always gets."""
    return "call_" + hashlib.sha256(f"{len(messages)}\n{text}".encode()).hexdigest()[:16]


def names_of(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the offered tools."""
    return [str(tool.get("function", {}).get("name")) for tool in tools]


def windowed(turns: Sequence[Turn]) -> list[Message]:
    """Return the conversation within the window: what was asked last, and the latest steps.

    It is cut in halves of the window, so that the beginning stays the same for many calls.
    """
    said = [list(_said(turn)) for turn in turns]
    while len(said) > 1 and _size(said) > WINDOW_CHARS:
        said.pop(0)
    if said and _size(said) > WINDOW_CHARS:
        task, *steps = said[0]
        excess = _size(said) - WINDOW_CHARS
        left_out = -(-excess // (WINDOW_CHARS // 2)) * (WINDOW_CHARS // 2)
        while left_out > 0 and steps[2:]:
            left_out -= len(steps[0]["content"]) + len(steps[1]["content"])
            del steps[:2]
        said[0] = [task, *steps]
    return [message for turn in said for message in turn]


def _size(said: Sequence[Sequence[Message]]) -> int:
    return sum(len(message["content"]) for turn in said for message in turn)


def _said(turn: Turn) -> Iterator[Message]:
    yield {"role": "user", "content": clipped(turn.asked, ASKED_CHARS)}
    for step in turn.steps:
        said = clipped(spoken(step.name, step.thought, _shown_arguments(step)), ASKED_CHARS)
        yield {"role": "assistant", "content": said}
        yield {"role": "user", "content": f"-> {_shown_result(step)}"}
    if turn.answer:
        yield {"role": "assistant", "content": spoken(FINISH, "", {"answer": turn.answer})}


def _shown_arguments(step: Step) -> dict[str, Any]:
    if step.name != EDIT:
        return dict(step.args)
    block = head_of(str(step.args.get("old", "")))
    return {"path": step.args.get("path"), "block": block, "new": step.args.get("new")}


def _shown_result(step: Step) -> str:
    if failed(step):
        return clipped(step.result, RESULT_CHARS)
    if step.name == EDIT:
        return "ok"  # the change was said just before
    return clipped(unnumbered(step.result) if step.name == READ else step.result, RESULT_CHARS)


def clipped(text: str, most: int) -> str:
    """Return head and tail of `text`, `most` characters together."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}\n[...]\n{text[-half:]}"
