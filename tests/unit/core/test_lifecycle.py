"""One question, one step: what is to be done next for a session in any state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, Status
from jidoka.core.lifecycle import Given, Record, Rest, Rules, Start, Stop, Worker, next_step
from jidoka.core.projection import project
from jidoka.core.session_row import SessionRow
from tests.support.entries import START, LogWriter

NOW = Given(
    now=START,
    quiet_s=0.0,
    asked_s=0.0,
    host="h1",
    alive=frozenset({"h1"}),
    heard=frozenset({"h1"}),
    rules=Rules(),
)
NEW = SessionRow("s1", reason="created")
ACTIVE = replace(NEW, status="active", host="h1", epoch=1)
READY = Worker(1, "h1", pid=7, ready=True)


def recorded(step: object) -> e.Event:
    assert isinstance(step, Record)
    return step.event


def status_of(step: object) -> tuple[Status, str]:
    event = recorded(step)
    assert isinstance(event, e.SessionStatusChanged)
    return event.status, event.reason


AHEAD = Worker(1, "h2")


def test_a_new_session_has_its_worker_started_while_its_birth_is_recorded():
    steps = [next_step(replace(NEW, reason=reason), None, NOW) for reason in ("", "created")]

    assert steps == [Start("h1", 1), Start("h1", 1)]


def test_a_session_that_was_only_created_says_its_first_status():
    step = next_step(replace(NEW, reason=""), AHEAD, NOW)

    assert recorded(step) == e.SessionStatusChanged(status=Status.INITIALIZING, reason="created")


def test_a_worker_that_was_started_ahead_is_assigned_where_it_is():
    event = recorded(next_step(NEW, AHEAD, NOW))

    assert event == e.WorkerAssigned(host="h2", epoch=1, reason="created")


def test_an_epoch_that_was_started_and_is_gone_is_used_up():
    event = recorded(next_step(NEW, replace(AHEAD, gone=True), NOW))

    assert event == e.WorkerAssigned(host="h1", epoch=2, reason="created")


def test_a_worker_that_can_never_start_ahead_ends_the_session():
    error = ErrorInfo(code="sandbox_unavailable", message="none works here")

    step = next_step(NEW, replace(AHEAD, gone=True, error=error), NOW)

    assert status_of(step) == (Status.TERMINATED, "sandbox_unavailable")


def test_without_a_place_it_waits():
    step = next_step(NEW, None, replace(NOW, host=None))

    assert step == Rest(no_host=True)


def test_a_worker_is_started_once_it_is_assigned():
    step = next_step(replace(ACTIVE, status="initializing"), Worker(1, "h1", started=False), NOW)

    assert step == Start("h1", 1)


def test_a_worker_that_nobody_has_seen_is_never_started_with_its_epoch():
    """It may have run, and what it began would be taken for the new one's own."""
    event = recorded(next_step(ACTIVE, None, NOW))

    assert event == e.WorkerLost(epoch=1, host="h1", reason="exited")


def test_before_its_host_was_heard_an_unseen_worker_may_live():
    step = next_step(ACTIVE, None, replace(NOW, heard=frozenset()))

    assert step == Rest()


def test_a_ready_worker_makes_the_session_active():
    step = next_step(replace(ACTIVE, status="initializing"), READY, NOW)

    assert status_of(step) == (Status.ACTIVE, "created")


def test_a_dead_worker_is_recorded_with_what_ended_it():
    dead = replace(READY, gone=True, signal=9, reason="killed")

    event = recorded(next_step(ACTIVE, dead, NOW))

    assert event == e.WorkerLost(epoch=1, host="h1", signal=9, reason="killed")


def test_the_workers_of_a_silent_host_are_lost():
    event = recorded(next_step(ACTIVE, READY, replace(NOW, alive=frozenset({"h2"}))))

    assert event == e.WorkerLost(epoch=1, host="h1", reason="host_lost")


def test_a_lost_worker_is_replaced_under_the_next_epoch():
    event = recorded(next_step(replace(ACTIVE, gone_epoch=1), READY, NOW))

    assert event == e.WorkerAssigned(host="h1", epoch=2, reason="lost")


@pytest.mark.parametrize(("deaths", "ends"), [(3, False), (4, True)])
def test_more_deaths_than_the_limit_within_the_window_end_the_session(deaths: int, ends: bool):
    losses = tuple(e.iso(START + timedelta(seconds=n)) for n in range(deaths))
    row = replace(ACTIVE, gone_epoch=1, losses=losses)

    step = next_step(row, None, replace(NOW, rules=Rules(restarts=3)))

    assert isinstance(recorded(step), e.SessionStatusChanged) is ends


@pytest.mark.parametrize(("deaths", "ends"), [(40, False), (41, True), (1_001, True)])
def test_a_high_limit_of_deaths_is_counted_to_its_end(deaths: int, ends: bool):
    log, row = LogWriter(), None
    log.create("s1")
    log.write("s1", *(e.WorkerLost(epoch=1, host="h1", reason="exited") for _ in range(deaths)))
    for entry in log.entries:
        row = project(row, entry)
    assert row is not None
    row = replace(row, status="active", epoch=1, gone_epoch=1)
    rules = Rules(restarts=40, window_s=7_200)

    step = next_step(row, None, replace(NOW, rules=rules))

    assert isinstance(recorded(step), e.SessionStatusChanged) is ends


def test_deaths_of_long_ago_are_forgiven():
    losses = tuple(e.iso(START + timedelta(minutes=2 * n)) for n in range(30))
    row = replace(ACTIVE, gone_epoch=1, losses=losses)

    step = next_step(row, None, NOW)

    assert isinstance(recorded(step), e.WorkerAssigned)


def test_a_worker_that_can_never_start_ends_the_session_with_its_error():
    error = ErrorInfo(code="sandbox_unavailable", message="none works here")
    refused = Worker(1, "h1", gone=True, reason="not_started", error=error)

    first = next_step(ACTIVE, refused, NOW)
    ended = replace(ACTIVE, status="terminated", reason="sandbox_unavailable")
    second = recorded(next_step(ended, refused, NOW))

    assert status_of(first) == (Status.TERMINATED, "sandbox_unavailable")
    assert isinstance(second, e.SessionTerminated)
    assert second.error == error


@pytest.mark.parametrize(
    ("quiet_s", "busy", "rests"),
    [(299.0, False, False), (300.0, False, True), (9_000.0, True, False)],
)
def test_only_a_session_that_is_quiet_for_long_goes_to_rest(
    quiet_s: float, busy: bool, rests: bool
):
    row = replace(ACTIVE, inbox=("m1",) if busy else ())

    step = next_step(row, READY, replace(NOW, quiet_s=quiet_s))

    assert isinstance(step, Record) is rests
    assert rests or isinstance(step, Rest)


def test_a_session_that_goes_to_rest_later_asks_to_be_looked_at_then():
    step = next_step(ACTIVE, READY, replace(NOW, quiet_s=100.0))

    assert step == Rest(for_s=200.0)


def test_a_message_wakes_a_resting_session_when_there_is_a_place():
    idle = replace(ACTIVE, status="idle", gone_epoch=1, inbox=("m1",))

    woken = next_step(idle, None, NOW)
    waiting = next_step(idle, None, replace(NOW, host=None))

    assert status_of(woken) == (Status.ACTIVE, "message")
    assert waiting == Rest(no_host=True)


def test_a_worker_that_does_not_leave_a_resting_session_is_ended():
    idle = replace(ACTIVE, status="idle", gone_epoch=1)

    early = next_step(idle, READY, replace(NOW, quiet_s=1.0))
    late = next_step(idle, READY, replace(NOW, quiet_s=10.0))

    assert early == Rest(for_s=9.0)
    assert late == Stop("h1", 1, 0.0)


def test_closing_waits_for_the_turn_then_ends_the_worker_then_says_closed():
    asked = replace(ACTIVE, asked="close", turn_id="t1")

    steps = [
        next_step(asked, READY, NOW),
        next_step(asked, READY, replace(NOW, asked_s=10.0)),
        next_step(replace(asked, turn_id=None), READY, replace(NOW, asked_s=4.0)),
    ]
    done = next_step(asked, replace(READY, gone=True, reason="stopped"), NOW)

    assert steps == [Rest(for_s=10.0), Stop("h1", 1, 0.0), Stop("h1", 1, 6.0)]
    assert status_of(done) == (Status.CLOSED, "closed")


def test_terminating_says_so_first_and_ends_with_the_totals():
    asked = replace(ACTIVE, asked="terminate", messages=3, turns=2)
    terminating = replace(asked, status="terminating", reason="terminate_requested")
    terminated = replace(terminating, status="terminated", gone_epoch=1)
    gone = replace(READY, gone=True)

    first = next_step(asked, READY, NOW)
    second = next_step(terminating, gone, NOW)
    last = recorded(next_step(terminated, gone, NOW))

    assert status_of(first) == (Status.TERMINATING, "terminate_requested")
    assert status_of(second) == (Status.TERMINATED, "terminate_requested")
    assert isinstance(last, e.SessionTerminated)
    assert (last.totals["messages"], last.totals["turns"]) == (3, 2)


def test_a_session_beyond_its_age_is_terminated_with_that_reason():
    old = replace(ACTIVE, created_at=e.iso(START))
    given = replace(NOW, now=START + timedelta(hours=1), rules=Rules(max_age_s=3_600))

    step = next_step(old, READY, given)
    ending = next_step(
        replace(old, status="terminating", reason="age_limit"), replace(READY, gone=True), given
    )

    assert status_of(step) == (Status.TERMINATING, "age_limit")
    assert status_of(ending) == (Status.TERMINATED, "age_limit")


def test_a_frozen_process_is_ended_before_the_last_event():
    frozen = replace(READY, gone=True, reason="frozen")
    terminated = replace(ACTIVE, status="terminated", gone_epoch=1)

    step = next_step(terminated, frozen, NOW)

    assert step == Stop("h1", 1, 0.0)


ROWS = st.builds(
    SessionRow,
    st.just("s1"),
    status=st.sampled_from([status.value for status in Status]),
    reason=st.sampled_from(["", "created", "message"]),
    asked=st.sampled_from(["", "close", "terminate"]),
    ended=st.just(False),
    turn_id=st.sampled_from([None, "t"]),
    inbox=st.sampled_from([(), ("m",)]),
    host=st.sampled_from(["h1", "h2"]),
    epoch=st.integers(0, 3),
    gone_epoch=st.integers(0, 3),
)
WORKERS = st.none() | st.builds(
    Worker,
    st.integers(1, 3),
    st.sampled_from(["h1", "h2"]),
    started=st.booleans(),
    ready=st.booleans(),
    gone=st.booleans(),
    reason=st.sampled_from(["exited", "frozen"]),
)


@given(row=ROWS, worker=WORKERS, place=st.sampled_from([None, "h1"]))
def test_no_epoch_is_ever_given_twice(row: SessionRow, worker: Worker | None, place: str | None):
    step = next_step(row, worker, replace(NOW, host=place))

    if isinstance(step, Record) and isinstance(step.event, e.WorkerAssigned):
        ahead = worker is not None and worker.epoch > row.epoch and worker.gone
        assert step.event.epoch > (worker.epoch if ahead and worker else row.epoch)
        assert not row.is_assigned
    if isinstance(step, Start):
        assert row.epoch == 0 if worker is None else not worker.started
