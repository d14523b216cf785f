"""The scripted model: answers from a file, for tests, demos and CI. `scripted:FILE`.

Which answer is a pure function of the call: its step in the turn and the last user message. So a
repeated call gets the same answer, whichever process gives it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, Final, assert_never, cast

from jidoka.contract.content import Usage
from jidoka.contract.errors import (
    JidokaError,
    ProviderAuth,
    ProviderBadAnswer,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from jidoka.contract.internal import LlmCall
from jidoka.contract.json import write_json
from jidoka.contract.script import Script, ScriptedAnswer, ScriptedError, ScriptedToolCall
from jidoka.llm.pieces import CallPart, Finish, Piece, Reasoning, Route, Spent, Text
from jidoka.llm.script_file import Stamp, read_script, stamp_of, unknown

PROVIDER: Final = "scripted"
CHARS_PER_TOKEN: Final = 4
MAX_KEPT: Final = 64
_WORD: Final = re.compile(r"\S+\s*|\s+")


class ScriptedModel:
    """Plays scripts; a file is read again only when it has changed."""

    def __init__(self) -> None:
        self._scripts: dict[Path, tuple[Stamp, Script]] = {}

    async def stream(self, call: LlmCall, route: Route) -> AsyncGenerator[Piece]:
        """Yield the scripted answer of this step.

        Raises:
            ModelUnknown: no such file, too large, or no answer in it fits the message.
            InvalidMessage: the file is no script; its lines are named, its content is not.
            JidokaError: the scripted failure.
        """
        script = await self.script(route.model, call.project_path)
        async for piece in play(chosen(script, call, route.model), call):
            yield piece

    async def script(self, name: str, project_path: str) -> Script:
        """Return the script in the file `name`, absolute or relative to the project."""
        path = Path(project_path or "/") / name
        stamp = stamp_of(path, name)
        kept = self._scripts.get(path)
        if kept is None or kept[0] != stamp:
            kept = stamp, await asyncio.to_thread(read_script, path, name)
            if len(self._scripts) >= MAX_KEPT:
                self._scripts.clear()
            self._scripts[path] = kept
        return kept[1]


def chosen(script: Script, call: LlmCall, name: str) -> ScriptedAnswer:
    """Return the answer to this step of the turn.

    A turn whose last user message holds the `when` of an answer begins with that answer; any other
    with the first that has none. From there on answers that fit follow, the last one again and
    again, or from the first with `loop`.
    """
    said = last_user_text(call.messages)
    fitting = [a for a in script.answers if a.when is None or a.when in said]
    forced = next((i for i, a in enumerate(fitting) if a.when is not None), 0)
    line = fitting[forced:]
    if not line:
        raise unknown(name, "no answer in the script fits the message")
    step = call.step - 1
    return line[step % len(line) if script.loop else min(step, len(line) - 1)]


def last_user_text(messages: Sequence[dict[str, Any]]) -> str:
    """Return the text of the last message with the role `user`."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return _text_of(message.get("content"))
    return ""


def _text_of(content: object) -> str:
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    parts = cast("list[object]", content)
    return "\n".join(
        str(cast("dict[str, object]", part).get("text", ""))
        for part in parts
        if isinstance(part, dict)
    )


async def play(answer: ScriptedAnswer, call: LlmCall) -> AsyncGenerator[Piece]:
    """Yield `answer` in pieces with its delays, then its failure or its end."""
    if answer.first_delay_s:
        await asyncio.sleep(answer.first_delay_s)
    for number, piece in enumerate(_spoken(answer)):
        if number and answer.delay_s:
            await asyncio.sleep(answer.delay_s)
        yield piece
    if answer.error is not None and _fails(answer.error, call.attempt):
        if answer.error.kind == "hang":
            await asyncio.Event().wait()
        if answer.error.kind == "cut":
            return
        if answer.error.kind != "empty":
            raise failure(answer.error)
        yield Finish("stop")
        return
    for number, asked in enumerate(answer.tool_calls, 1):
        yield _call_part(asked, number, call)
    if not answer.omit_usage:
        yield Spent(_usage(answer, call), answer.cost_usd)
    yield Finish(answer.finish_reason or ("tool_calls" if answer.tool_calls else "stop"))


def _spoken(answer: ScriptedAnswer) -> list[Piece]:
    thought: list[Piece] = [Reasoning(word) for word in _WORD.findall(answer.reasoning)]
    words = answer.deltas if answer.deltas is not None else _WORD.findall(answer.text)
    return [*thought, *(Text(word) for word in words)]


def _call_part(asked: ScriptedToolCall, number: int, call: LlmCall) -> CallPart:
    raw = asked.arguments
    arguments = raw if isinstance(raw, str) else write_json(raw).decode()
    call_id = asked.call_id or f"{call.call_id[-36:]}-{number}"
    return CallPart(number - 1, call_id, asked.tool, arguments)


def _fails(error: ScriptedError, attempt: int) -> bool:
    return error.attempts is None or attempt <= error.attempts


def failure(error: ScriptedError) -> JidokaError:
    """Return the error of the contract that a scripted failure stands for."""
    match error.kind:
        case "rate_limit":
            return ProviderRateLimited(provider=PROVIDER, retry_after_s=error.retry_after_s)
        case "auth":
            return ProviderAuth(provider=PROVIDER, reference="its script")
        case "server":
            return ProviderUnavailable(provider=PROVIDER, status=error.status or 500)
        case "timeout":
            return ProviderTimeout(provider=PROVIDER, which="first byte", after_s=60.0)
        case "refusal":
            return ProviderRefused(provider=PROVIDER, reason="the script says so")
        case "garbage" | "empty" | "hang" | "cut":
            return ProviderBadAnswer(provider=PROVIDER, reason="garbled")
        case _:
            assert_never(error.kind)


def _usage(answer: ScriptedAnswer, call: LlmCall) -> Usage:
    given, said = answer.input_tokens, answer.output_tokens
    if given is None:
        given = sum(len(_text_of(m.get("content"))) for m in call.messages) // CHARS_PER_TOKEN
    if said is None:
        text = answer.text if answer.deltas is None else "".join(answer.deltas)
        said = (len(text) + len(answer.reasoning)) // CHARS_PER_TOKEN
    return Usage(input_tokens=given, output_tokens=said)
