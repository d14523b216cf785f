"""What models do wrong, in pieces of their streams, and a model that does it at a chosen moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from jidoka.contract.content import Usage
from jidoka.contract.errors import (
    ContextOverflow,
    JidokaError,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
)
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.llm.pieces import CallPart, Declined, Finish, Piece, Reasoning, Spent, Text
from jidoka.llm.stream import MAX_CALLS, Folding
from jidoka.llm.text_calls import read_text_calls

Saying = tuple[Piece, ...] | JidokaError
SPENT = Spent(Usage(input_tokens=10, output_tokens=2), 0.001)
TOOLS, STOP = (SPENT, Finish("tool_calls")), (SPENT, Finish("stop"))
NAME = "fake"


def part(tool: str | None, arguments: str, call_id: str | None = None, index: int = 0) -> CallPart:
    """Return a piece of a tool call."""
    return CallPart(index, call_id, tool, arguments)


def asking(tool: str, **arguments: object) -> Saying:
    """Return an answer that asks for one tool as it should."""
    return (part(tool, json.dumps(arguments), "call_good_one"), *TOOLS)


def saying(text: str) -> Saying:
    """Return an answer in words."""
    return (Text(text), *STOP)


READ = '{"path": "a.txt"}'
FAULTS: Mapping[str, Saying] = {
    "parallel calls, interleaved": (
        part("read", '{"path":', "call_first1"),
        part("grep", '{"pattern":', "call_second", 1),
        part(None, '"a.txt"}'),
        part(None, '"one"}', None, 1),
        part("write", '{"path": "b.txt", "content": "b"}', "call_third3", 2),
        *TOOLS,
    ),
    "malformed arguments": (part("read", '{"path": "a.t', "call_broken"), *TOOLS),
    "arguments that are no object": (part("read", '["a.txt"]', "call_a_list"), *TOOLS),
    "arguments of a wrong type": (part("read", '{"path": 7}', "call_number"), *TOOLS),
    "arguments left out": (part("edit", "{}", "call_nothing"), *TOOLS),
    "one call said twice": (
        *(part("read", READ, "call_twice1", n) for n in (0, 1)),
        *TOOLS,
    ),
    "two calls under one id": (
        *(part("read", f'{{"path": "{n}.txt"}}', "call_0", n) for n in (0, 1)),
        *TOOLS,
    ),
    "a call as text": (
        Text('I look. <tool_call>{"name": "read", "arguments": ' + READ + "}</tool_call>"),
        *STOP,
    ),
    "a broken call as text": (Text('```json\n{"name": "read", "arguments": {"pa\n```'), *STOP),
    "no usage": (Text("Hm."), Finish("stop")),
    "reasoning and a call": (Reasoning("let me see"), part("read", READ, "call_thought"), *TOOLS),
    "reasoning alone": (Reasoning("let me see"), *STOP),
    "an empty answer": STOP,
    "white space alone": (Text(" \n\t"), *STOP),
    "a refusal": (Declined("I will not do that."), *STOP),
    "a content filter": (Text("I "), Finish("content_filter")),
    "length in words": (Text("and so on "), SPENT, Finish("length")),
    "length within a call": (
        part("write", '{"path": "b.txt", "content": "lo', "call_long1"),
        SPENT,
        Finish("length"),
    ),
    "length before a word": (Reasoning("hm"), SPENT, Finish("length")),
    "cut in words": (Text("I will"),),
    "cut within a call": (Text("I write."), part("write", '{"path": "b.txt", "con', "call_cut12")),
    "cut after a whole call": (part("read", READ, "call_whole1"),),
    "an unknown tool": (part("fly", '{"to": "the moon"}', "call_flying"), *TOOLS),
    "a call without a name": (part(None, READ, "call_noname"), *TOOLS),
    "a tool's name with strange letters": (part("re ad/../x", READ, "call_strange"), *TOOLS),
    "more calls than any sane answer has": (
        *(part("list", "{}", f"call_many{n}", n) for n in range(MAX_CALLS + 1)),
        *TOOLS,
    ),
    "too many requests": ProviderRateLimited(provider=NAME, retry_after_s=0.1),
    "a server error": ProviderUnavailable(provider=NAME, status=500),
    "silence": ProviderTimeout(provider=NAME, which="silence", after_s=30.0),
    "too long a prompt": ContextOverflow(tokens=9_000, window=8_000),
}


@dataclass
class FaultyModel:
    """Says the right things in turn, and a wrong one at one place; folded as the gateway does."""

    before: list[Saying]
    """What it says before the fault."""
    fault: Saying
    times: int = 1
    """How often the fault comes in a row."""
    in_summaries: bool = False
    """The fault is in the summaries of compactions, not in the conversation."""
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens while the faulty answer is on its way."""
    calls: list[LlmCall] = field(default_factory=list[LlmCall])
    said: int = 0
    made: int = 0
    """How often the fault was made."""
    healed: bool = False
    """From now on everything is said as it should be."""

    async def complete(self, call: LlmCall, *, attach: bool = False) -> LlmAnswer:
        """Return the next answer."""
        del attach
        self.calls.append(call)
        saying = await self._next(call)
        if isinstance(saying, JidokaError):
            raise saying
        folding = Folding(NAME)
        for piece in saying:
            folding.add(piece)
        return folding.answer(call, NAME, 0.0, read_text_calls)

    async def _next(self, call: LlmCall) -> Saying:
        await asyncio.sleep(0)
        wrong_here = call.quiet == self.in_summaries
        if call.quiet and not wrong_here:
            return saying("What was said: do it.")
        is_its_turn = call.quiet or self.said >= len(self.before)
        if wrong_here and is_its_turn and self.made < self.times and not self.healed:
            self.made += 1
            if self.meanwhile is not None:
                await self.meanwhile()
            return self.fault
        if call.quiet:
            return saying("What was said: do it.")
        self.said += 1
        if self.said <= len(self.before):
            return self.before[self.said - 1]
        return saying("fine")
