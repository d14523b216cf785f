"""A budget that is used up pauses the turn and asks; where nobody is there, the turn ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import Limits, TurnOutcome, Usage
from jidoka.contract.errors import (
    AlreadyAnswered,
    BudgetExceeded,
    CallNotFound,
    InvalidMessage,
    JidokaError,
)
from jidoka.contract.internal import LlmAnswer
from jidoka.contract.permission_commands import AnswerQuestion
from jidoka.core.decide import decide
from jidoka.core.session import fold
from jidoka.core.state import Phase, SessionState
from tests.support.agent import SESSION, Bench, asks, memory_bench

LOOK = asks(("list", "{}"))


def costs(usd: float, answer: LlmAnswer = LOOK) -> LlmAnswer:
    return answer.model_copy(
        update={"cost_usd": usd, "usage": Usage(input_tokens=90, output_tokens=10)}
    )


DONE = costs(0.1, LlmAnswer(call_id="", content="done"))


def bench_of(root: Path, limits: dict[str, Any], *answers: Any) -> Bench:
    return memory_bench(root, *answers, limits=Limits.model_validate(limits))


async def state_of(bench: Bench) -> SessionState:
    return fold([entry async for entry in bench.log.read(SESSION)])


async def say(bench: Bench, call_id: str, answer: str) -> None:
    command = AnswerQuestion(session_id=SESSION, call_id=call_id, answer=answer)
    event = decide(await state_of(bench), command, origin="/ada", command_id="c1")
    assert event is not None
    await bench.write(event)


async def asked(bench: Bench, nth: int = 1) -> e.QuestionAsked:
    event = (await bench.until(e.QuestionAsked, nth)).event
    assert isinstance(event, e.QuestionAsked)
    return event


async def ended(bench: Bench) -> e.TurnEnded:
    event = (await bench.until(e.TurnEnded)).event
    assert isinstance(event, e.TurnEnded)
    return event


@pytest.mark.parametrize(
    ("limits", "scope", "kind", "used"),
    [
        ({"turn_cost_usd": 0.5}, "turn", "cost_usd", 0.6),
        ({"session_cost_usd": 0.5}, "session", "cost_usd", 0.6),
        ({"turn_tokens": 100}, "turn", "tokens", 100),
        ({"session_tokens": 50}, "session", "tokens", 100),
    ],
)
async def test_at_its_limit_a_turn_pauses_and_asks(tmp_path, limits, scope, kind, used):
    bench = bench_of(tmp_path, limits, costs(0.6), DONE)

    await bench.open()
    async with bench.worker():
        question = await asked(bench)
        state = await state_of(bench)

    assert question.over is not None
    assert (question.over.scope, question.over.kind, question.over.used) == (scope, kind, used)
    assert question.options == ("continue", "stop")
    assert state.phase is Phase.WAITING
    assert len(bench.model.calls) == 1


async def test_going_on_raises_the_limit_by_as_much_again_and_then_asks_anew(tmp_path):
    bench = bench_of(tmp_path, {"turn_cost_usd": 0.5}, *[costs(0.5)] * 2, DONE)

    await bench.open()
    async with bench.worker():
        await say(bench, (await asked(bench)).call_id, "continue")
        second = await asked(bench, 2)
        await say(bench, second.call_id, "0.75")
        end = await ended(bench)

    assert second.over is not None
    assert (second.over.used, second.over.limit) == (1.0, 1.0)
    assert (end.outcome, end.answer, end.cost_usd) == (TurnOutcome.COMPLETED, "done", 1.1)


async def test_what_was_raised_for_a_turn_holds_for_that_turn_alone(tmp_path):
    bench = bench_of(tmp_path, {"turn_cost_usd": 0.5}, costs(0.5), DONE)

    await bench.open()
    async with bench.worker():
        await say(bench, (await asked(bench)).call_id, "5")
        await ended(bench)

    assert (await state_of(bench)).raised == ()


async def test_what_was_raised_for_the_session_stays(tmp_path):
    bench = bench_of(tmp_path, {"session_cost_usd": 0.5}, costs(0.5), DONE)

    await bench.open()
    async with bench.worker():
        await say(bench, (await asked(bench)).call_id, "5")
        await ended(bench)

    assert [each.amount for each in (await state_of(bench)).raised] == [5.0]


async def test_stop_ends_the_turn_with_the_budget_as_its_error(tmp_path):
    bench = bench_of(tmp_path, {"turn_tokens": 100}, costs(0.1), DONE)

    await bench.open()
    async with bench.worker():
        await say(bench, (await asked(bench)).call_id, "stop")
        end = await ended(bench)

    assert end.outcome is TurnOutcome.BUDGET
    assert end.error is not None
    assert (end.error.code, end.error.details["scope"]) == ("budget_exceeded", "turn")


async def test_a_question_that_nobody_answers_in_time_stops(tmp_path):
    limits = {"turn_tokens": 100, "question_deadline_s": 0.05}
    bench = bench_of(tmp_path, limits, costs(0.1), DONE)

    await bench.open()
    async with bench.worker():
        end = await ended(bench)

    assert end.outcome is TurnOutcome.BUDGET
    assert any(isinstance(event, e.QuestionExpired) for event in await bench.events())


@pytest.mark.parametrize(("alone", "deadline_s"), [(True, 60.0), (False, 0.0)])
async def test_where_nobody_is_there_the_turn_ends_unasked(tmp_path, alone, deadline_s):
    limits = {"turn_tokens": 100, "question_deadline_s": deadline_s}
    bench = bench_of(tmp_path, limits, costs(0.1), DONE)

    await bench.open()
    if alone:
        await bench.write(e.MessageWithdrawn(message_id="m1"))
        await bench.write(e.MessageAccepted(message_id="m2", content="x", unattended=True))
    async with bench.worker():
        end = await ended(bench)

    assert end.outcome is TurnOutcome.BUDGET
    assert not any(isinstance(event, e.QuestionAsked) for event in await bench.events())


async def test_a_step_limit_ends_the_turn_unasked(tmp_path):
    bench = bench_of(tmp_path, {"max_steps": 1}, costs(0.1), DONE)

    await bench.open()
    async with bench.worker():
        end = await ended(bench)

    assert end.outcome is TurnOutcome.STEP_LIMIT


async def test_a_pause_outlives_its_worker_and_asks_once(tmp_path):
    bench = bench_of(tmp_path, {"turn_cost_usd": 0.5}, costs(0.6), DONE)

    await bench.open()
    async with bench.worker():
        question = await asked(bench)
    async with bench.worker(epoch=2):
        await say(bench, question.call_id, "continue")
        end = await ended(bench)

    questions = [event for event in await bench.events() if isinstance(event, e.QuestionAsked)]
    assert (len(questions), end.outcome, len(bench.model.calls)) == (1, TurnOutcome.COMPLETED, 2)


async def test_a_limit_that_is_raised_meanwhile_lets_the_turn_go_on(tmp_path):
    bench = bench_of(tmp_path, {"turn_cost_usd": 0.5}, costs(0.6), DONE)

    await bench.open()
    async with bench.worker():
        await asked(bench)
        await bench.write(e.SessionConfigured(limits=Limits(turn_cost_usd=9.0)))
        end = await ended(bench)

    assert end.outcome is TurnOutcome.COMPLETED


async def test_a_turn_that_waits_for_money_can_be_cancelled(tmp_path):
    bench = bench_of(tmp_path, {"turn_cost_usd": 0.5}, costs(0.6), DONE)

    await bench.open()
    async with bench.worker():
        turn_id = (await asked(bench)).turn_id
        await bench.write(e.TurnCancelRequested(turn_id=turn_id))
        end = await ended(bench)

    assert end.outcome is TurnOutcome.CANCELLED


@pytest.mark.parametrize("answer", ["yes please", "-1", "nan", "inf", "0"])
async def test_an_answer_is_continue_stop_or_an_amount(tmp_path, answer):
    bench = bench_of(tmp_path, {"turn_cost_usd": 0.5}, costs(0.6), DONE)

    await bench.open()
    async with bench.worker():
        question = await asked(bench)
        with pytest.raises(InvalidMessage, match="continue, stop"):
            await say(bench, question.call_id, answer)


@pytest.mark.parametrize(("call_id", "error"), [(None, AlreadyAnswered), ("no-such", CallNotFound)])
async def test_the_first_answer_wins(tmp_path, call_id: str | None, error: type[JidokaError]):
    bench = bench_of(tmp_path, {"turn_cost_usd": 0.5}, costs(0.6), costs(0.1), "hang")

    await bench.open()
    async with bench.worker():
        question = await asked(bench)
        await say(bench, question.call_id, "continue")
        with pytest.raises(error):
            await say(bench, call_id or question.call_id, "stop")


async def test_an_owner_without_money_is_asked_too(tmp_path):
    empty = BudgetExceeded(kind="cost_usd", used=12.0, limit=10.0, scope="owner")
    bench = bench_of(tmp_path, {}, empty, DONE)

    await bench.open()
    async with bench.worker():
        question = await asked(bench)
        await say(bench, question.call_id, "3")
        end = await ended(bench)

    assert question.over is not None
    assert (question.over.scope, question.over.used, question.over.limit) == ("owner", 12.0, 10.0)
    assert end.outcome is TurnOutcome.COMPLETED
    assert bench.model.calls[-1].raised["cost_usd"] == 3.0
