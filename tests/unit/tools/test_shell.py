"""`shell`: what the model reads of a command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jidoka.contract.errors import ToolArgsInvalid, ToolLimit, ToolTimeout
from jidoka.core.tooling import INLINE_BYTES, output_so_far


async def test_output_is_shown_while_it_comes_and_afterwards(bench):
    outcome = await bench.call("shell", command="echo one; echo two >&2")

    assert (outcome.text, outcome.exit_status, outcome.output_bytes) == ("one\ntwo", 0, 8)
    assert "".join(bench.shown) == "one\ntwo\n"


async def test_a_command_that_fails_is_no_error_and_says_its_status(bench):
    outcome = await bench.call("shell", command="echo broken; exit 3")

    assert (outcome.text, outcome.exit_status) == ("broken\n(exit status 3)", 3)


async def test_a_silent_command_says_its_status(bench):
    assert await bench.text("shell", command="true") == "(exit status 0)"


async def test_a_signal_counts_as_128_and_its_number(bench):
    outcome = await bench.call("shell", command="kill -SEGV $$")

    assert outcome.exit_status == 128 + 11


async def test_a_long_output_shows_head_and_tail_and_keeps_the_whole(bench):
    outcome = await bench.call("shell", command="seq 1 100000")

    assert outcome.text.startswith("1\n2\n3\n")
    assert outcome.text.endswith("\n99999\n100000")
    assert len(outcome.text.encode()) <= INLINE_BYTES
    assert outcome.spill
    kept = Path(outcome.spill)
    assert kept.read_text() == "".join(f"{n}\n" for n in range(1, 100_001))
    kept.unlink()


async def test_a_command_that_takes_too_long_is_ended_and_its_output_kept(bench):
    with pytest.raises(ToolTimeout) as ended:
        await bench.call("shell", command="echo so far; sleep 60", timeout_s=4)

    assert output_so_far(ended.value).startswith("so far\n")


async def test_endless_output_runs_into_its_limit(bench):
    limits = replace(bench.context.limits, output_bytes=1_000_000)
    bench.context = replace(bench.context, limits=limits)

    with pytest.raises(ToolLimit) as ended:
        await bench.call("shell", command="yes")

    assert ended.value.kind == "output"
    assert output_so_far(ended.value).startswith("y\ny\n")


@pytest.mark.parametrize(
    "args",
    [{}, {"command": ""}, {"command": "true", "timeout_s": 0}, {"command": "x" * 70_000}],
)
async def test_commands_that_do_not_fit_are_refused(bench, args):
    with pytest.raises(ToolArgsInvalid):
        await bench.call("shell", **args)


async def test_bytes_that_are_no_text_do_not_break_the_answer(bench):
    text = await bench.text("shell", command=r"printf 'a\0b\377c'")

    assert text == "a\ufffdb\ufffdc"
