"""The pieces of a provider's stream, folded into one answer. Pure.

Providers differ in what they leave out, repeat or break. What can be understood is: calls without
an index, several calls under one index, a call said twice, arguments said twice, ids that were used
before. What cannot is a typed error, never half an answer:

    no end            provider_bad_answer   the stream was cut
    nothing in it     provider_bad_answer   empty
    declined          provider_refused      refusal, content filter
    out of bounds     provider_bad_answer   more than 8 MiB, more than 128 calls
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from jidoka.contract.content import ToolCall, Usage
from jidoka.contract.errors import ProviderBadAnswer, ProviderRefused
from jidoka.contract.ids import is_token
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.llm.pieces import CallPart, Declined, Finish, Piece, Reasoning, Spent, Text

MAX_ANSWER_CHARS: Final = 8 * 1024 * 1024
MAX_CALLS: Final = 128
SHORTEST_ID: Final = 8
LONGEST_ID: Final = 40
"""Shorter ids (`call_0`) come back in the next answer; longer ones some providers refuse."""
REASON_CHARS: Final = 200
LONGEST_NAME: Final = 64
_THOUGHT: Final = re.compile(r"\s*<think>(.*?)(?:</think>\s*|\Z)", re.DOTALL)
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")

ReadCalls = Callable[[str, frozenset[str]], tuple[str, Sequence[tuple[str, str]]]]
"""Text and the names of the offered tools → what is left of the text, and calls found in it."""


@dataclass(slots=True)
class _OpenCall:
    index: int | None
    call_id: str
    tool: str
    parts: list[str] = field(default_factory=list[str])

    @property
    def arguments(self) -> str:
        return _said_once("".join(self.parts).strip()) or "{}"


class Folding:
    """An answer while it comes."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._declined: list[str] = []
        self._calls: list[_OpenCall] = []
        self._size = 0
        self._finish = ""
        self._usage: Usage | None = None
        self._cost: float | None = None

    def add(self, piece: Piece) -> None:
        """Take the next piece.

        Raises:
            ProviderBadAnswer: the answer is larger than any sane one.
        """
        match piece:
            case Text(text=text):
                self._grow(len(text))
                self._text.append(text)
            case Reasoning(text=text):
                self._grow(len(text))
                self._reasoning.append(text)
            case CallPart():
                self._grow(len(piece.arguments))
                self._add_call(piece)
            case Declined(reason=reason):
                self._grow(len(reason))
                self._declined.append(reason)
            case Spent(usage=usage, cost_usd=cost):
                self._usage = usage or self._usage
                self._cost = self._cost if cost is None else cost
            case Finish(reason=reason):
                self._finish = self._finish or reason  # what follows is only the end of the stream
            case _:
                assert_never(piece)

    def answer(
        self,
        call: LlmCall,
        model: str,
        duration_s: float = 0.0,
        read_calls: ReadCalls | None = None,
    ) -> LlmAnswer:
        """Return the whole answer to `call`; `read_calls` finds calls that were said as text.

        Raises:
            ProviderBadAnswer: cut, empty, or calls without a name only.
            ProviderRefused: the model or the provider's filter declined.
        """
        self._check_end()
        content, thought = _thought_apart("".join(self._text))
        calls = _distinct(self._calls, call)
        if not calls and read_calls is not None and call.tools:
            content, said = read_calls(content, offered(call.tools))
            parts = [_OpenCall(None, "", tool, [arguments]) for tool, arguments in said]
            calls = _distinct(parts, call)
        reasoning = "".join(self._reasoning) + thought
        self._check_content(content, reasoning, calls)
        finish = "tool_calls" if calls and self._finish != "length" else self._finish
        return LlmAnswer(
            call_id=call.call_id,
            content=content,
            reasoning=reasoning,
            tool_calls=calls,
            usage=self._usage,
            cost_usd=self._cost,
            model=model,
            finish_reason=finish,
            duration_s=duration_s,
        )

    def _grow(self, chars: int) -> None:
        self._size += chars
        if self._size > MAX_ANSWER_CHARS:
            raise self._bad(f"more than {MAX_ANSWER_CHARS} characters")

    def _add_call(self, part: CallPart) -> None:
        known = self._open(part)
        if known is None:
            if len(self._calls) >= MAX_CALLS:
                raise self._bad(f"more than {MAX_CALLS} tool calls")
            known = _OpenCall(part.index, part.call_id or "", part.tool or "")
            self._calls.append(known)
        elif part.tool and part.tool != known.tool:
            known.tool += part.tool
        known.call_id = known.call_id or part.call_id or ""
        known.parts.append(part.arguments)

    def _open(self, part: CallPart) -> _OpenCall | None:
        """Return the call that `part` continues, None for a new one."""
        if part.call_id:
            for known in self._calls:
                if known.call_id == part.call_id and known.index == part.index:
                    return known
        last = next((c for c in reversed(self._calls) if c.index == part.index), None)
        if last is None:
            # an index that comes late, or not again, still belongs to the call that is open
            nameless = not part.tool and not part.call_id and part.index is None
            return self._calls[-1] if nameless and self._calls else None
        if part.call_id and last.call_id and part.call_id != last.call_id:
            return None
        if part.index is None and part.tool and not part.call_id:
            return None
        return last

    def _check_end(self) -> None:
        if self._declined:
            raise self._refused("".join(self._declined))
        if self._finish == "content_filter":
            raise self._refused("content filter")
        if not self._finish:
            raise self._bad("the stream was cut before its end")

    def _check_content(self, content: str, reasoning: str, calls: Sequence[ToolCall]) -> None:
        if calls or content.strip():
            return
        if self._calls:
            raise self._bad("a tool call without a name")
        if self._finish != "length" or not reasoning:
            raise self._bad("the answer is empty")

    def _bad(self, reason: str) -> ProviderBadAnswer:
        return ProviderBadAnswer(provider=self._provider, reason=reason)

    def _refused(self, reason: str) -> ProviderRefused:
        return ProviderRefused(provider=self._provider, reason=reason[:REASON_CHARS])


def fold(pieces: Iterable[Piece], call: LlmCall, provider: str = "", model: str = "") -> LlmAnswer:
    """Return the answer that `pieces` make; raises as `Folding.answer`."""
    folding = Folding(provider)
    for piece in pieces:
        folding.add(piece)
    return folding.answer(call, model)


def offered(tools: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of the tools of a request."""
    return frozenset(str(tool.get("function", {}).get("name", "")) for tool in tools)


def _distinct(calls: Iterable[_OpenCall], call: LlmCall) -> tuple[ToolCall, ...]:
    """Return the calls, each once and under an id that the conversation has not seen."""
    taken, names = _used_ids(call.messages), offered(call.tools)
    seen: set[tuple[str, str, str]] = set()
    found: list[ToolCall] = []
    for number, item in enumerate((c for c in calls if c.tool), 1):
        said = (item.call_id, item.tool, item.arguments)
        if item.call_id and said in seen:
            continue
        seen.add(said)
        call_id = item.call_id
        if call_id in taken or not _is_fit(call_id):
            call_id = f"{call.call_id[-(LONGEST_ID - 4) :]}-{number}"
        taken.add(call_id)
        tool = _tool_name(item.tool, names)
        found.append(ToolCall(call_id=call_id, tool=tool, arguments=item.arguments))
    return tuple(found)


def _tool_name(said: str, names: frozenset[str]) -> str:
    """Return the offered tool that is meant, else the name as every provider takes it back."""
    if said in names:
        return said
    bare = said.strip().rpartition(".")[2]  # some models write functions.read, default_api.read
    return bare if bare in names else _NO_NAME.sub("_", said)[:LONGEST_NAME]


def _is_fit(call_id: str) -> bool:
    return SHORTEST_ID <= len(call_id) <= LONGEST_ID and is_token(call_id)


def _thought_apart(text: str) -> tuple[str, str]:
    """Return an answer without the thoughts that its server left at its beginning, and those."""
    match = _THOUGHT.match(text)
    return (text[match.end() :], match[1].strip()) if match else (text, "")


def _used_ids(messages: Iterable[Mapping[str, Any]]) -> set[str]:
    return {
        str(item.get("id"))
        for message in messages
        if message.get("role") == "assistant"
        for item in message.get("tool_calls") or ()
    }


def _said_once(text: str) -> str:
    """Return `text`, or its first half where the same JSON object was sent twice."""
    half, odd = divmod(len(text), 2)
    if odd or not half or text[:half] != text[half:] or not text.startswith("{"):
        return text
    try:
        json.loads(text[:half])
    except ValueError:
        return text
    return text[:half]
