"""The registry's shallow fold of a session says the same as the deep one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, Status, ToolCall, TurnOutcome, Usage
from jidoka.core.ports import Entry
from jidoka.core.projection import project
from jidoka.core.session import fold
from jidoka.core.session_row import SessionRow
from tests.support.entries import START, LogWriter

CALLS = (
    ToolCall(call_id="c1", tool="shell", arguments="{}"),
    ToolCall(call_id="c2", tool="read", arguments="{}"),
)
ERROR = ErrorInfo(code="provider_auth", message="no")
HAPPENS: tuple[e.Event, ...] = (
    e.MessageAccepted(message_id="m1", content="one"),
    e.MessageAccepted(message_id="m2", content="two"),
    e.MessageWithdrawn(message_id="m2"),
    e.TurnStarted(turn_id="t", message_ids=("m1",)),
    e.LlmRequested(turn_id="t", call_id="k", step=1, model="m", message_ids=("m2",)),
    e.LlmResponded(
        turn_id="t",
        call_id="k",
        step=1,
        tool_calls=CALLS,
        usage=Usage(input_tokens=1, output_tokens=2),
        model="m",
    ),
    e.PermissionRequested(
        turn_id="t", call_id="c1", tool="shell", args={}, risk="execute", deadline=START
    ),
    e.PermissionAnswered(call_id="c1", decision="allow"),
    e.ToolDenied(turn_id="t", call_id="c1", tool="shell", by="rule"),
    e.ToolCompleted(turn_id="t", call_id="c1", tool="shell", output=""),
    e.ToolCompleted(turn_id="t", call_id="c2", tool="read", output=""),
    e.TurnEnded(turn_id="t", outcome=TurnOutcome.FAILED, error=ERROR),
    e.SessionRenamed(session_name="another"),
    e.SessionTitled(title="A title"),
    e.SessionStatusChanged(status=Status.ACTIVE, reason="created"),
    e.SessionStatusChanged(status=Status.IDLE, reason="idle_timeout"),
    e.SessionStatusChanged(status=Status.CLOSED, reason="closed"),
    e.SessionCloseRequested(),
    e.SessionTerminationRequested(),
    e.SessionTerminated(reason="terminate_requested"),
    e.WorkerAssigned(host="h", epoch=1),
    e.WorkerAssigned(host="h", epoch=2),
    e.WorkerLost(epoch=1, reason="killed"),
)


def rowed(entries: list[Entry]) -> SessionRow:
    row = None
    for entry in entries:
        row = project(row, entry)
    assert row is not None
    return row


@given(st.lists(st.sampled_from(HAPPENS), max_size=20))
def test_both_folds_agree_on_what_is_decided_by(events: list[e.Event]):
    log = LogWriter()
    log.create("s1")
    log.write("s1", *events)

    row, state = rowed(log.entries), fold(log.entries)

    assert row.head == state.head
    assert (row.status, row.is_open) == (state.status, state.is_open)
    assert (row.name, row.title, row.host or "") == (state.name, state.title, state.host)
    assert bool(row.asked) == bool(state.closing)


@given(st.permutations(HAPPENS[3:12]))
def test_both_folds_agree_on_the_phase_of_a_turn_whatever_comes_late(events: list[e.Event]):
    log = LogWriter()
    log.create("s1")
    log.write("s1", HAPPENS[0], HAPPENS[3], HAPPENS[5])
    log.write("s1", *(event for event in events if not isinstance(event, e.LlmResponded)))

    row, state = rowed(log.entries), fold(log.entries)

    assert (row.turn_id is None) == (state.turn is None)


def test_both_folds_agree_on_a_turn_in_order():
    log = LogWriter()
    log.create("s1")
    for event in HAPPENS[:12]:
        log.write("s1", event)
        row, state = rowed(log.entries), fold(log.entries)

        assert (row.phase, row.messages) == (state.phase, state.totals.messages)
        assert row.inbox == tuple(waiting.message_id for waiting in state.inbox)


def test_an_entry_seen_twice_changes_nothing():
    log = LogWriter()
    log.create("s1")
    log.write("s1", *HAPPENS[:6])
    once = rowed(log.entries)

    again = project(once, log.entries[-1])

    assert again is once


def test_a_session_at_rest_has_no_worker_with_a_say():
    log = LogWriter()
    log.create("s1")
    log.write("s1", HAPPENS[-3], HAPPENS[14])
    awake = rowed(log.entries)
    log.write("s1", HAPPENS[15])

    resting = rowed(log.entries)

    assert awake.is_assigned
    assert not resting.is_assigned
