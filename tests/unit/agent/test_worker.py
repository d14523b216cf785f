"""A worker's turn, from the waiting message to `turn.ended`, without a broker."""

from __future__ import annotations

import json

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import (
    Limits,
    PermissionMode,
    Policy,
    TurnOutcome,
    Usage,
)
from jidoka.contract.errors import ProviderAuth, ProviderRateLimited, ProviderUnavailable
from jidoka.contract.internal import LlmAnswer
from tests.support.agent import asks, memory_bench


def names(events) -> list[str]:
    return [event.name for event in events]


async def test_a_message_is_answered_and_the_turn_ends(tmp_path):
    usage = Usage(input_tokens=3, output_tokens=2)
    answer = LlmAnswer(call_id="", content="hello", usage=usage, cost_usd=0.5)
    bench = memory_bench(tmp_path, answer)
    await bench.open()

    async with bench.worker():
        ended = (await bench.until(e.TurnEnded)).event

    assert isinstance(ended, e.TurnEnded)
    assert (ended.outcome, ended.answer) == (TurnOutcome.COMPLETED, "hello")
    assert (ended.usage, ended.cost_usd, ended.steps) == (usage, 0.5, 1)
    assert names(await bench.events())[-4:] == [
        "turn.started",
        "llm.requested",
        "llm.responded",
        "turn.ended",
    ]


async def test_tools_change_the_project_and_their_results_reach_the_model(tmp_path):
    write = asks(("write", json.dumps({"path": "a.txt", "content": "one\n"})))
    shell = asks(("shell", json.dumps({"command": "cat a.txt; exit 3"})))
    bench = memory_bench(tmp_path, write, shell, "done")
    await bench.open()

    async with bench.worker():
        await bench.until(e.TurnEnded)

    assert (tmp_path / "a.txt").read_text() == "one\n"
    results = [m["content"] for m in bench.model.calls[2].messages if m["role"] == "tool"]
    assert "one" in results[1]
    completed = [x for x in await bench.events() if isinstance(x, e.ToolCompleted)]
    assert [x.exit_status for x in completed] == [None, 3]


@pytest.mark.parametrize(
    ("tool", "arguments", "code"),
    [
        ("fly", "{}", "tool_unknown"),
        ("read", "{broken", "tool_args_invalid"),
        ("read", '{"path": 7}', "tool_args_invalid"),
        ("read", '{"path": "../secret"}', "path_outside_project"),
        ("read", '{"path": "nothing.txt"}', "path_not_found"),
    ],
)
async def test_a_call_that_cannot_run_is_told_to_the_model_and_the_turn_goes_on(
    tmp_path, tool, arguments, code
):
    bench = memory_bench(tmp_path, asks((tool, arguments)), "sorry")
    await bench.open()

    async with bench.worker():
        ended = (await bench.until(e.TurnEnded)).event

    assert isinstance(ended, e.TurnEnded)
    assert ended.outcome is TurnOutcome.COMPLETED
    failed = [x for x in await bench.events() if isinstance(x, e.ToolFailed)]
    assert [x.error.code for x in failed] == [code]
    assert code in str(bench.model.calls[1].messages[-1]["content"])


async def test_a_passing_failure_of_the_model_is_tried_again(tmp_path):
    bench = memory_bench(tmp_path, ProviderUnavailable(provider="p", status=503), "back again")
    await bench.open()

    async with bench.worker():
        await bench.until(e.TurnEnded)

    events = await bench.events()
    failed = [x for x in events if isinstance(x, e.LlmFailed)]
    assert [(x.attempt, x.error.code, x.retry_at is None) for x in failed] == [
        (1, "provider_unavailable", False)
    ]
    assert [call.attempt for call in bench.model.calls] == [1, 2]
    assert bench.model.calls[0].call_id == bench.model.calls[1].call_id


async def test_a_final_failure_ends_the_turn_and_leaves_the_session_usable(tmp_path):
    bench = memory_bench(tmp_path, ProviderAuth(provider="p"), "better now")
    await bench.open()

    async with bench.worker():
        first = (await bench.until(e.TurnEnded)).event
        await bench.write(e.MessageAccepted(message_id="m2", content="again"))
        second = (await bench.until(e.TurnEnded, 2)).event

    assert isinstance(first, e.TurnEnded)
    assert isinstance(second, e.TurnEnded)
    assert first.outcome is TurnOutcome.FAILED
    assert first.error
    assert first.error.code == "provider_auth"
    assert second.answer == "better now"


async def test_the_wait_that_a_provider_asks_for_is_kept(tmp_path):
    limited = ProviderRateLimited(provider="p", retry_after_s=60.0)
    bench = memory_bench(tmp_path, limited)
    await bench.open()

    async with bench.worker():
        entry = await bench.until(e.LlmFailed)

    assert isinstance(entry.event, e.LlmFailed)
    assert entry.event.retry_at
    assert entry.time
    assert (entry.event.retry_at - entry.time).total_seconds() > 55


async def test_cancelling_ends_the_model_call_and_the_turn(tmp_path):
    bench = memory_bench(tmp_path, "hang")
    await bench.open()

    async with bench.worker():
        started = await bench.until(e.LlmRequested)
        assert isinstance(started.event, e.LlmRequested)
        await bench.write(e.TurnCancelRequested(turn_id=started.event.turn_id))
        ended = (await bench.until(e.TurnEnded)).event

    assert isinstance(ended, e.TurnEnded)
    assert ended.outcome is TurnOutcome.CANCELLED


async def test_cancelling_kills_a_running_command_and_settles_every_call(tmp_path):
    calls = asks(("shell", '{"command": "sleep 60; touch late"}'), ("list", '{"path": "."}'))
    bench = memory_bench(tmp_path, calls)
    await bench.open()

    async with bench.worker():
        started = await bench.until(e.ToolStarted)
        assert isinstance(started.event, e.ToolStarted)
        await bench.write(e.TurnCancelRequested(turn_id=started.event.turn_id))
        await bench.until(e.TurnEnded)

    events = await bench.events()
    assert len([x for x in events if isinstance(x, e.ToolInterrupted)]) == 2
    assert not (tmp_path / "late").exists()


async def test_a_question_waits_and_the_answer_lets_the_call_run(tmp_path):
    bench = memory_bench(
        tmp_path, asks(("shell", '{"command": "touch made"}')), "ok", mode=PermissionMode.ASK
    )
    await bench.open()

    async with bench.worker():
        asked = (await bench.until(e.PermissionRequested)).event
        assert isinstance(asked, e.PermissionRequested)
        await bench.write(e.PermissionAnswered(call_id=asked.call_id, decision="allow"))
        await bench.until(e.TurnEnded)

    assert "touch made" in asked.preview
    assert (tmp_path / "made").exists()


async def test_without_anybody_to_ask_the_default_holds_at_once(tmp_path):
    bench = memory_bench(
        tmp_path,
        asks(("shell", '{"command": "touch made"}')),
        "ok",
        mode=PermissionMode.ASK,
        limits=Limits(question_deadline_s=0),
    )
    await bench.open()

    async with bench.worker():
        await bench.until(e.TurnEnded)

    denied = [x for x in await bench.events() if isinstance(x, e.ToolDenied)]
    assert [x.by for x in denied] == ["default"]
    assert not (tmp_path / "made").exists()


async def test_plan_mode_denies_what_would_change_something(tmp_path):
    bench = memory_bench(
        tmp_path,
        asks(("write", '{"path": "a", "content": "b"}')),
        "ok",
        mode=PermissionMode.PLAN,
    )
    await bench.open()

    async with bench.worker():
        await bench.until(e.TurnEnded)

    denied = [x for x in await bench.events() if isinstance(x, e.ToolDenied)]
    assert [x.by for x in denied] == ["mode"]
    assert list(tmp_path.iterdir()) == []


async def test_the_step_limit_ends_the_turn(tmp_path):
    bench = memory_bench(tmp_path, asks(("list", '{"path": "."}')), limits=Limits(max_steps=3))
    await bench.open()

    async with bench.worker():
        ended = (await bench.until(e.TurnEnded)).event

    assert isinstance(ended, e.TurnEnded)
    assert (ended.outcome, ended.steps) == (TurnOutcome.STEP_LIMIT, 3)
    assert ended.error
    assert ended.error.code == "step_limit"


async def test_the_wall_limit_ends_a_turn_that_hangs(tmp_path):
    bench = memory_bench(tmp_path, "hang", limits=Limits(turn_wall_s=0.2))
    await bench.open()

    async with bench.worker():
        ended = (await bench.until(e.TurnEnded)).event

    assert isinstance(ended, e.TurnEnded)
    assert ended.outcome is TurnOutcome.BUDGET


async def test_a_steering_message_enters_before_the_next_model_call(tmp_path):
    waits = asks(("shell", '{"command": "while [ ! -e said ]; do sleep 0.02; done"}'))
    bench = memory_bench(tmp_path, waits, "steered")
    await bench.open()

    async with bench.worker():
        await bench.until(e.ToolStarted)
        await bench.write(
            e.MessageAccepted(message_id="m2", content="use tabs", policy=Policy.STEER)
        )
        (tmp_path / "said").touch()
        await bench.until(e.TurnEnded)

    assert bench.model.calls[1].messages[-1] == {"role": "user", "content": "use tabs"}


async def test_a_model_that_repeats_itself_is_told_so_and_then_stopped(tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    bench = memory_bench(tmp_path, asks(("read", '{"path": "a.txt"}')))
    await bench.open()

    async with bench.worker():
        ended = (await bench.until(e.TurnEnded)).event

    events = await bench.events()
    ran = [x for x in events if isinstance(x, e.ToolStarted)]
    told = [x for x in events if isinstance(x, e.ToolFailed)]
    assert isinstance(ended, e.TurnEnded)
    assert ended.error
    assert (ended.outcome, ended.error.code) == (TurnOutcome.FAILED, "call_repeated")
    assert (ended.steps, len(ran), len(told)) == (6, 2, 4)
    assert "another way" in bench.model.calls[3].messages[-1]["content"]
