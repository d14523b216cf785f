"""What the model is told besides the conversation."""

from __future__ import annotations

from typing import Any

from jidoka.core.state import SessionState
from jidoka.core.transcript import Message, Transcript

_PROMPT = """\
You are a coding agent. You work in one project folder with the tools you are given.
Project folder: {root}
- Look before you change: read a file before you edit it.
- Paths are relative to the project folder; nothing outside of it can be reached.
- Make the smallest change that does the task, then run the project's tests to see it work.
- A result that says `interrupted` may have happened: look before you do it again.
- When the task is done, answer in a few sentences: what you changed and how you know it works.\
"""


def messages_for(state: SessionState, transcript: Transcript) -> tuple[Message, ...]:
    """Return the whole prompt: system message first, then the conversation."""
    return ({"role": "system", "content": system_prompt(state)}, *transcript.messages())


def system_prompt(state: SessionState) -> str:
    """Return the system prompt of a session; byte-identical between calls, so that it is cached."""
    prompt = _PROMPT.format(root=state.project_path)
    return f"{prompt}\n\n{state.system_prompt}" if state.system_prompt else prompt


def offered(specs: list[dict[str, Any]], allowed: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """Return the tools that the session lets the model use."""
    if allowed is None:
        return specs
    return [spec for spec in specs if spec["function"]["name"] in allowed]
