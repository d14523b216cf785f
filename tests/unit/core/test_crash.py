"""A worker may be killed anywhere; the next one goes on, and nothing runs twice."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import events as e
from jidoka.contract.content import PermissionMode, TurnOutcome
from tests.support.simulation import KINDS, Killed, Simulation, violations

PLANS = st.lists(
    st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3).map(tuple), max_size=3
).map(tuple)


def finished(simulation: Simulation) -> bool:
    return simulation.state.turn is None and not simulation.state.inbox


def full_auto(plan: tuple[tuple[str, ...], ...]) -> Simulation:
    simulation = Simulation(plan)
    simulation.begin()
    simulation.record(e.SessionConfigured(permission_mode=PermissionMode.FULL_AUTO))
    return simulation


@given(PLANS)
def test_a_turn_without_accident_completes_and_runs_each_call_once(plan):
    simulation = full_auto(plan)
    simulation.assign()

    simulation.run()

    assert finished(simulation)
    assert all(count == 1 for count in simulation.ran.values())
    assert sum(simulation.ran.values()) == sum(len(step) for step in plan)


@given(PLANS, st.lists(st.integers(0, 25), max_size=4))
def test_wherever_workers_die_the_turn_ends_and_no_command_runs_twice(plan, kills):
    simulation = full_auto(plan)

    for countdown in kills:
        simulation.assign()
        simulation.countdown = countdown
        try:
            simulation.run()
        except Killed:
            continue
        break
    simulation.countdown = -1
    simulation.assign()
    simulation.run()

    tools = {
        call.call_id: call.tool
        for entry in simulation.log.entries
        if isinstance(entry.event, e.LlmResponded)
        for call in entry.event.tool_calls
    }
    assert finished(simulation)
    assert violations(simulation.log) == []
    assert all(n == 1 for call, n in simulation.ran.items() if tools[call] == "shell")
    ended = [x.event for x in simulation.log.entries if isinstance(x.event, e.TurnEnded)]
    assert [event.outcome for event in ended] == [TurnOutcome.COMPLETED]


@pytest.mark.parametrize("countdown", range(12))
def test_a_shell_command_that_may_have_run_is_reported_never_repeated(countdown):
    simulation = full_auto((("shell",),))
    simulation.assign()
    simulation.countdown = countdown
    with suppress(Killed):
        simulation.run()
    simulation.countdown = -1

    simulation.assign()
    simulation.run()

    assert simulation.ran["c1-0"] <= 1
    assert finished(simulation)


@given(PLANS, st.data())
def test_a_cancelled_turn_settles_every_call_before_it_ends(plan, data):
    simulation = full_auto(plan)
    simulation.assign()
    simulation.countdown = data.draw(st.integers(2, 20))
    try:
        simulation.run()
    except Killed:
        turn = simulation.state.turn
        turn_id = turn.turn_id if turn else "over"
        simulation.record(e.TurnCancelRequested(turn_id=turn_id))
    simulation.countdown = -1

    simulation.run()

    assert finished(simulation)
    assert violations(simulation.log) == []


def test_a_worker_of_a_former_epoch_has_nothing_to_do():
    simulation = full_auto(((),))
    simulation.assign()
    simulation.record(e.WorkerAssigned(host="b", epoch=2))

    simulation.run()

    assert simulation.state.turn is None
    assert simulation.state.inbox
