"""The fold of a log: every change of status and phase."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig, PermissionMode, Policy, Status, TurnOutcome
from jidoka.core.ports import Entry
from jidoka.core.session import evolve, fold
from jidoka.core.state import Phase, SessionState
from tests.support.entries import START, LogWriter
from tests.support.simulation import SESSION, Simulation


def a_long_log() -> list[Entry]:
    simulation = Simulation((("read", "write"), ("shell",)))
    simulation.begin()
    simulation.assign()
    simulation.run()
    simulation.record(
        e.SessionRenamed(session_name="other"),
        e.MessageAccepted(message_id="m2", content="more", policy=Policy.STEER),
        e.MessageWithdrawn(message_id="m2"),
        e.SessionStatusChanged(status=Status.IDLE, reason="idle_timeout"),
        e.SessionTerminated(reason="terminate_requested"),
    )
    return simulation.log.entries


LOG = a_long_log()


@given(st.integers(0, len(LOG)))
def test_folding_a_prefix_and_then_the_rest_is_folding_all(cut):
    prefix = fold(LOG[:cut])

    whole = fold(LOG[cut:], prefix)

    assert whole == fold(LOG)


@given(st.lists(st.integers(0, len(LOG) - 1), max_size=30))
def test_duplicates_change_nothing(repeated):
    delivered = [*LOG, *(LOG[i] for i in repeated)]

    state = fold(delivered)

    assert state == fold(LOG)


@given(st.data())
def test_a_late_copy_of_an_entry_changes_nothing_wherever_it_arrives(data):
    at = data.draw(st.integers(1, len(LOG)))
    copies = data.draw(st.lists(st.integers(0, at - 1), max_size=10))

    state = fold([*LOG[:at], *(LOG[i] for i in copies), *LOG[at:]])

    assert state == fold(LOG)


def test_an_event_of_an_unknown_type_passes_by():
    entry = LOG[-1]
    unknown = Entry(e.UnknownEvent("moon.rose", {"full": True}), entry.envelope, entry.head)
    before = fold(LOG[:-1])

    after = evolve(before, unknown)

    assert after.head == entry.head
    assert after.status == before.status


@pytest.mark.parametrize("status", list(Status))
def test_the_status_is_what_the_last_change_says(status):
    writer = LogWriter()
    entries = writer.create(SESSION)
    entries += writer.write(SESSION, e.SessionStatusChanged(status=status, reason="why"))

    state = fold(entries)

    assert state.status is status
    assert state.status_reason == "why"


def test_the_phases_of_a_turn_follow_from_its_calls():
    simulation = Simulation((("shell",),))
    simulation.begin()
    simulation.assign()
    seen = [Phase.READY]
    while simulation.state.totals.turns == 0:
        simulation.run_one()
        if simulation.state.phase is not seen[-1]:
            seen.append(simulation.state.phase)

    ended = seen

    assert ended == [
        Phase.READY,
        Phase.THINKING,
        Phase.ACTING,
        Phase.WAITING,
        Phase.ACTING,
        Phase.THINKING,
        Phase.READY,
    ]


def test_configuring_changes_only_what_is_named():
    writer = LogWriter()
    entries = writer.create(SESSION)
    entries += writer.write(
        SESSION, e.SessionConfigured(permission_mode=PermissionMode.PLAN, system_prompt="short")
    )

    state = fold(entries)

    assert state.permission_mode is PermissionMode.PLAN
    assert state.llm == LlmConfig(provider="scripted", model="hello.json")
    assert state.system_prompt == "short"


def test_the_first_reason_to_stop_is_the_outcome():
    simulation = Simulation((("read",),))
    simulation.begin()
    simulation.assign()
    simulation.run_one()
    turn_id = "t1"
    simulation.record(
        e.TurnLimitReached(turn_id=turn_id, kind="wall_s", used=1, limit=1),
        e.TurnCancelRequested(turn_id=turn_id),
    )

    state = simulation.state

    assert state.turn
    assert state.turn.stopping is TurnOutcome.BUDGET


def test_an_interrupting_message_stops_the_turn_and_waits_for_the_next():
    simulation = Simulation((("read",),))
    simulation.begin()
    simulation.assign()
    simulation.run_one()
    simulation.record(e.MessageAccepted(message_id="m2", content="stop", policy=Policy.INTERRUPT))

    simulation.run()

    outcomes = [x.event.outcome for x in simulation.log.entries if isinstance(x.event, e.TurnEnded)]
    assert outcomes == [TurnOutcome.CANCELLED, TurnOutcome.COMPLETED]


def test_losses_of_workers_are_remembered_with_their_times():
    writer = LogWriter()
    entries = writer.create(SESSION)
    entries += writer.write(SESSION, e.WorkerAssigned(host="a", epoch=1), e.WorkerLost(epoch=1))

    state = fold(entries)

    assert state.worker_lost
    assert state.losses == (START + timedelta(seconds=4),)


def test_nothing_folded_is_a_session_that_does_not_exist():
    state = fold([])

    assert state == SessionState()
    assert state.status is None


def test_of_a_deleted_session_the_fold_knows_only_where_its_log_ends():
    simulation = Simulation((("read",),))
    simulation.begin()
    deleted = e.SessionDeleted(at=START, by="anna", last_sequence=9, last_hash="0" * 64)
    simulation.record(deleted)

    state = fold(simulation.log.entries)

    head = simulation.log.entries[-1].head
    assert state == SessionState(session_id=SESSION, head=head)
