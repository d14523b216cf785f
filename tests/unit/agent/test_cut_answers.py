"""An answer that ends at its limit of tokens goes on, a few times; it fails no turn."""

from __future__ import annotations

import json
from pathlib import Path

from jidoka.contract import events as e
from jidoka.contract.content import ToolCall, TurnOutcome
from jidoka.contract.internal import LlmAnswer
from jidoka.core.cuts import GO_ON, MOST_CUTS
from tests.support.agent import Bench, memory_bench


def cut(content: str, *arguments: str) -> LlmAnswer:
    calls = tuple(ToolCall(call_id="x", tool="write", arguments=each) for each in arguments)
    return LlmAnswer(call_id="", content=content, tool_calls=calls, finish_reason="length")


async def ended(bench: Bench) -> e.TurnEnded:
    await bench.open()
    async with bench.worker():
        event = (await bench.until(e.TurnEnded)).event
    assert isinstance(event, e.TurnEnded)
    return event


async def test_the_model_is_told_and_goes_on(tmp_path: Path):
    bench = memory_bench(tmp_path, cut("All is "), cut("well, and "), "done.")

    end = await ended(bench)

    assert (end.outcome, end.answer) == (TurnOutcome.COMPLETED, "All is well, and done.")
    assert [call.messages[-1] == GO_ON for call in bench.model.calls] == [False, True, True]
    roles = [message["role"] for message in bench.model.calls[2].messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]


async def test_an_answer_without_end_is_the_answer_in_the_end(tmp_path: Path):
    bench = memory_bench(tmp_path, cut("more "))

    end = await ended(bench)

    assert (end.outcome, end.steps) == (TurnOutcome.COMPLETED, MOST_CUTS + 1)
    assert end.answer == "more " * (MOST_CUTS + 1)


async def test_a_call_that_was_cut_is_made_again_with_less(tmp_path: Path):
    whole = json.dumps({"path": "a.txt", "content": "short\n"})
    again = LlmAnswer(
        call_id="", tool_calls=(ToolCall(call_id="y", tool="write", arguments=whole),)
    )
    bench = memory_bench(tmp_path, cut("", '{"path": "a.txt", "content": "lo'), again, "done")

    end = await ended(bench)

    told = bench.model.calls[1].messages[-1]["content"]
    assert end.outcome is TurnOutcome.COMPLETED
    assert (tmp_path / "a.txt").read_text() == "short\n"
    assert "tool_args_invalid" in told
    assert "cut at its limit" in told


async def test_a_tool_between_two_cuts_begins_the_count_anew(tmp_path: Path):
    listing = LlmAnswer(
        call_id="", tool_calls=(ToolCall(call_id="y", tool="list", arguments="{}"),)
    )
    bench = memory_bench(tmp_path, *[cut("so ")] * MOST_CUTS, listing, cut("it is "), "done.")

    end = await ended(bench)

    assert end.answer == "it is done."
