"""What a person sees follows from events and deltas, in whatever way they come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.client.items import Item, Recorded, Shown
from jidoka.client.shapes import Answer, Call, SessionView
from jidoka.client.view import GAP, see
from jidoka.contract import events as e
from jidoka.contract.content import (
    ErrorInfo,
    LlmConfig,
    PastEvent,
    PermissionMode,
    Status,
    ToolCall,
    TurnOutcome,
    Usage,
)
from jidoka.contract.envelope import Envelope
from jidoka.contract.live import Delta, LiveKind

ENVELOPE = Envelope(id="1", source="/test", type="jido.test.ed.v1")
USAGE = Usage(input_tokens=10, output_tokens=5)
ANSWER = "Ein schöner Satz, mit „Zeichen“ und 🙂."
ERROR = ErrorInfo(code="provider_unavailable", message="away", retryable=True)

STORY: tuple[e.Event, ...] = (
    e.SessionCreated(session_name="cart", project_path="/p", llm=LlmConfig(model="a/b")),
    e.SessionStatusChanged(status=Status.INITIALIZING),
    e.WorkerAssigned(host="h", epoch=2),
    e.SessionStatusChanged(status=Status.ACTIVE, previous_status=Status.INITIALIZING),
    e.MessageAccepted(message_id="m1", content="do it", author="ada"),
    e.MessageAccepted(message_id="m2", content="later"),
    e.TurnStarted(turn_id="t1", message_ids=("m1",)),
    e.LlmRequested(turn_id="t1", call_id="c1", step=1, model="a/b"),
    e.LlmFailed(turn_id="t1", call_id="c1", step=1, attempt=1, error=ERROR),
    e.LlmRequested(turn_id="t1", call_id="c1", step=1, attempt=2, model="a/b"),
    e.LlmResponded(
        turn_id="t1",
        call_id="c1",
        step=1,
        content=ANSWER,
        model="a/b",
        tool_calls=(
            ToolCall(call_id="x1", tool="read", arguments='{"path": "a"}'),
            ToolCall(call_id="x2", tool="shell", arguments="{broken"),
        ),
    ),
    e.ToolStarted(
        turn_id="t1", call_id="x1", tool="read", args={"path": "a"}, args_hash="h", effect="pure"
    ),
    e.PermissionRequested(
        turn_id="t1",
        call_id="x2",
        tool="shell",
        args={"command": "ls"},
        risk="execute",
        deadline=datetime(2030, 1, 1, tzinfo=UTC),
    ),
    e.ToolCompleted(turn_id="t1", call_id="x1", tool="read", output="text", exit_status=0),
    e.PermissionAnswered(call_id="x2", decision="deny"),
    e.ToolDenied(turn_id="t1", call_id="x2", tool="shell", by="person"),
    e.TurnEnded(
        turn_id="t1",
        outcome=TurnOutcome.COMPLETED,
        answer=ANSWER,
        usage=USAGE,
        cost_usd=0.5,
        steps=1,
    ),
)


def recorded(event: e.Event, sequence: int) -> Recorded:
    return Recorded("s1", sequence, event, ENVELOPE)


def shown(text: str, offset: int, *, attempt: int = 2, call: str = "c1", epoch: int = 2) -> Shown:
    return delta("text", text, offset, attempt=attempt, call=call, epoch=epoch)


def delta(
    kind: LiveKind, text: str, offset: int, *, attempt: int = 1, call: str = "c1", epoch: int = 2
) -> Shown:
    data = Delta(turn_id="t1", call_id=call, attempt=attempt, offset=offset, text=text)
    return Shown("s1", kind, data, epoch)


LOG = tuple(recorded(event, number) for number, event in enumerate(STORY, 1))


NOTHING = SessionView()


def view_of(items: tuple[Item, ...], view: SessionView = NOTHING) -> SessionView:
    for item in items:
        view = see(view, item)
    return view


def settled(view: SessionView) -> SessionView:
    """Return the view without what only deltas leave behind."""
    turns = tuple(
        replace(
            turn,
            entries=tuple(
                replace(entry, ends=())
                if isinstance(entry, Answer)
                else replace(entry, output_end=0)
                for entry in turn.entries
            ),
        )
        for turn in view.turns
    )
    return replace(view, turns=turns)


def pieces(text: str, cuts: list[int]) -> list[tuple[int, str]]:
    """Return the text in pieces with their offsets in bytes."""
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [(len(text[:begin].encode()), text[begin:end]) for begin, end in pairwise(edges)]


def test_the_whole_story_is_seen():
    view = view_of(LOG)

    turn = view.turns[0]
    assert (view.name, view.model, view.status, view.phase) == ("cart", "a/b", "active", "ready")
    assert [message.text for message in turn.messages] == ["do it"]
    assert [message.text for message in view.waiting] == ["later"]
    assert [(c.tool, c.phase) for c in turn.entries if isinstance(c, Call)] == [
        ("read", "completed"),
        ("shell", "denied"),
    ]
    assert (view.usage, view.cost_usd, turn.outcome) == (USAGE, 0.5, "completed")
    assert view.questions == ()


@given(st.integers(0, len(LOG)), st.integers(0, len(LOG)))
def test_a_prefix_and_then_the_rest_again_is_the_whole(cut: int, back: int):
    view = view_of(LOG[max(cut - back, 0) :], view_of(LOG[:cut]))

    assert view == view_of(LOG)


@given(st.lists(st.integers(0, 100)), st.data())
def test_deltas_change_nothing_of_what_is_recorded(cuts: list[int], data: st.DataObject):
    items: list[Item] = list(LOG)
    for offset, text in pieces(ANSWER, cuts):
        item = shown(
            text,
            offset,
            attempt=data.draw(st.integers(1, 2)),
            call=data.draw(st.sampled_from(["c1", "nobody"])),
            epoch=data.draw(st.integers(1, 3)),
        )
        items.insert(data.draw(st.integers(0, len(items))), item)

    view = view_of(tuple(items))

    known = {"c1", "x1", "x2"}
    turn = settled(view).turns[0]
    entries = tuple(entry for entry in turn.entries if entry.call_id in known)
    assert replace(turn, entries=entries) == settled(view_of(LOG)).turns[0]


@given(st.lists(st.integers(0, 100)), st.lists(st.integers(0, 100)))
def test_deltas_in_any_pieces_doubled_or_overlapping_show_the_text(
    cuts: list[int], other: list[int]
):
    asked = view_of(LOG[:10])
    deltas = tuple(shown(text, offset) for offset, text in pieces(ANSWER, cuts))
    again = tuple(shown(text, offset) for offset, text in pieces(ANSWER, other))

    view = view_of((*deltas, *again), asked)

    assert view.turns[0].entries[0] == view_of(deltas, asked).turns[0].entries[0]
    assert answer_of(view).text == ANSWER


def answer_of(view: SessionView) -> Answer:
    entry = view.turns[0].entries[0]
    assert isinstance(entry, Answer)
    return entry


def test_a_new_attempt_voids_what_the_last_one_showed():
    view = view_of((*LOG[:8], shown("old words", 0, attempt=1), *LOG[8:10], shown("new", 0)))

    assert answer_of(view).text == "new"


def test_a_delta_of_an_older_worker_is_not_shown():
    view = view_of((*LOG[:10], shown("zombie", 0, epoch=1)))

    assert answer_of(view).text == ""


def test_missing_deltas_leave_a_mark_until_the_answer_is_recorded():
    torn = view_of((*LOG[:10], shown("Ein", 0), shown("Satz", 13)))

    whole = view_of(LOG[10:], torn)

    assert answer_of(torn).text == f"Ein{GAP}Satz"
    assert answer_of(whole).text == ANSWER


def test_output_of_a_tool_is_shown_while_it_runs():
    view = view_of((*LOG[:12], delta("tool_output", "line\n", 0, call="x1")))

    call = view.turns[0].call_of("x1", "read")
    assert (call.phase, call.output) == ("running", "line\n")


@pytest.mark.parametrize(
    ("cut", "phase"),
    [
        (4, "ready"),
        (7, "thinking"),
        (12, "acting"),
        (13, "waiting"),
        (14, "waiting"),
        (16, "thinking"),
    ],
)
def test_the_phase_follows_from_turn_calls_and_questions(cut: int, phase: str):
    assert view_of(LOG[:cut]).phase == phase


def test_a_waiting_message_may_be_changed_and_taken_back():
    edited = view_of(
        (recorded(e.MessageEdited(message_id="m2", content="now"), 7),), view_of(LOG[:6])
    )
    withdrawn = see(edited, recorded(e.MessageWithdrawn(message_id="m1"), 8))

    assert [message.text for message in edited.waiting] == ["do it", "now"]
    assert [message.text for message in withdrawn.waiting] == ["now"]


def test_an_unknown_event_passes_by():
    view = view_of(LOG)

    after = see(view, Recorded("s1", 99, e.UnknownEvent("future.thing", {}), ENVELOPE))

    assert after == replace(view, sequence=99)


def test_settings_and_names_are_the_newest():
    events: tuple[e.Event, ...] = (
        e.SessionRenamed(session_name="other"),
        e.SessionTitled(title="Mend the cart"),
        e.SessionConfigured(permission_mode=PermissionMode.PLAN, llm=LlmConfig(model="c/d")),
        e.SessionConfigured(system_prompt="short"),
    )

    view = view_of(tuple(recorded(event, 50 + n) for n, event in enumerate(events)), view_of(LOG))

    assert (view.name, view.title, view.permission_mode, view.model) == (
        "other",
        "Mend the cart",
        "plan",
        "c/d",
    )


def test_an_imported_session_shows_what_was_said_before_and_not_its_cost():
    past = tuple(
        PastEvent(name=event.name, data=event.model_dump(mode="json"))
        for event in STORY
        if not event.name.startswith(("session.", "worker."))
    )
    born = e.SessionImported(
        session_name="again",
        project_path="/q",
        llm=LlmConfig(model="a/b"),
        history=past,
        imported_from="s1",
        export_hash="0" * 64,
    )

    view = see(SessionView(), Recorded("s2", 1, born, ENVELOPE))

    assert (view.name, view.sequence, view.cost_usd, view.waiting) == ("again", 1, None, ())
    assert [turn.outcome for turn in view.turns] == [TurnOutcome.COMPLETED]
    assert view.phase == "ready"
