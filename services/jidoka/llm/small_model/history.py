"""The conversation as the small model needs it: turns of steps, each a call and its result.

A fold of the messages and nothing else, so the same conversation always gives the same request.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

_HIT: Final = re.compile(r"^([^:\n]+):\d+:", re.MULTILINE)
_NAMED: Final = re.compile(r"(?<![\w/.-])(?:[\w-]+/)*[\w-]+\.[a-z]{1,5}\b(?![\w/(])")
_TRACED: Final = re.compile(r'File "/[^"\n]*/([^"/\n]+)"')
_TOOK: Final = re.compile(r"(?<=\bin )\d+\.\d+ ?s\b")
_NUMBERED: Final = re.compile(r"^ *\d+\t", re.MULTILINE)


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
                    step.result = steady(text) or "(nothing)"
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


def contents_of(turns: Sequence[Turn]) -> dict[str, str]:
    """Return the files that were read or written, as they must be now; the latest come last."""
    contents: dict[str, str] = {}
    for step in (step for turn in turns for step in turn.steps if not failed(step)):
        path = str(step.args.get("path"))
        before = contents.pop(path, None) if step.name in {"read", "edit", "write"} else None
        if step.name == "read":
            contents[path] = unnumbered(step.result)
        elif step.name == "write":
            contents[path] = str(step.args.get("content", ""))
        elif step.name == "edit" and before is not None:
            old, new = str(step.args.get("old", "")), str(step.args.get("new", ""))
            contents[path] = before.replace(old, new)
    return contents


def failed(step: Step) -> bool:
    """Tell whether the tool could not do its work."""
    return step.result.startswith("error: ")


def steady(text: str) -> str:
    """Return `text` without what differs from run to run: folders of a traceback, seconds."""
    return _TOOK.sub("0 s", _TRACED.sub(r'File "\1"', text))


def unnumbered(text: str) -> str:
    """Return `text` without the line numbers that `read` puts in front."""
    return _NUMBERED.sub("", text)


def names_in(text: str) -> list[str]:
    """Return the files that `text` names, in their order."""
    return list(dict.fromkeys(_NAMED.findall(text)))


def found_in(turns: Sequence[Turn]) -> list[str]:
    """Return the files that lists and searches have shown, in their order."""
    names: dict[str, None] = {}
    for step in (step for turn in turns for step in turn.steps if not failed(step)):
        if step.name == "list":
            folder = str(step.args.get("path") or ".")
            lines = (line for line in step.result.splitlines() if line[-1:] not in {"/", ")"})
            names.update((posixpath.normpath(f"{folder}/{line}"), None) for line in lines)
        elif step.name == "grep":
            names.update(dict.fromkeys(_HIT.findall(step.result)))
    return list(names)
