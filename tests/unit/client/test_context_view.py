"""What a person sees of the context."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jidoka.cli.transcript import Transcript
from jidoka.client.asked import of_asking
from jidoka.client.context import of_context
from jidoka.client.items import Recorded
from jidoka.client.shapes import SessionView
from jidoka.client.view import see
from jidoka.contract import events as e
from jidoka.contract.briefing import TodoItem
from jidoka.contract.content import Status, TurnOutcome
from jidoka.contract.envelope import Envelope
from jidoka.contract.mcp import McpServer

COMPACTED = e.ContextCompacted(
    reason="automatic", method="summary", summary="so far", tokens_before=900, tokens_after=90
)


def seen(*events: e.Event) -> SessionView:
    envelope, view = Envelope(id="1", source="/test", type="jido.test.ed.v1"), SessionView()
    for number, event in enumerate(events, 1):
        view = see(view, Recorded("s1", number, event, envelope))
    return view


def test_servers_of_a_session_without_a_worker_are_stopped_and_waited_for_in_a_turn():
    server = McpServer(name="sums", command=("x",))
    begun = (
        e.McpAdded(server=server),
        e.WorkerAssigned(host="h", epoch=1),
        e.TurnStarted(turn_id="t1", message_ids=()),
        e.McpDelayed(server_name="sums"),
    )
    connected = (*begun, e.McpConnected(server_name="sums", tools=("sums__add",)))
    ended = e.TurnEnded(turn_id="t1", outcome=TurnOutcome.COMPLETED)
    idle = e.SessionStatusChanged(status=Status.IDLE, previous_status=Status.ACTIVE)

    at_rest = seen(*connected, ended, idle)

    assert seen(*begun).starting == ("sums",)
    assert seen(*connected).starting == ()
    assert seen(*connected).servers[0].state == "ready"
    assert (at_rest.servers[0].state, at_rest.servers[0].tools) == ("stopped", ("sums__add",))


def test_a_question_whose_deadline_is_when_it_was_asked_is_moot():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    asked = e.QuestionAsked(turn_id="t1", call_id="x1", question="?", deadline=now)
    late = asked.model_copy(update={"deadline": now + timedelta(hours=1)})

    views = [of_asking(SessionView(), each, now) for each in (asked, late)]

    assert [view.questions[0].is_moot for view in views] == [True, False]


def test_active_files_are_listed_the_last_one_at_the_end():
    view = SessionView()

    for event in (
        e.FileAdded(path="a"),
        e.FileAdded(path="b"),
        e.FileAdded(path="a"),
        e.FileRemoved(path="b"),
    ):
        view = of_context(view, event)

    assert view.files == ("a",)


def test_a_compaction_and_the_list_of_what_is_to_be_done_are_told_once():
    transcript, view = Transcript(), SessionView()
    todo = e.TodoUpdated(turn_id="t", items=(TodoItem(text="look", status="completed"),))

    view = of_context(of_context(view, todo), COMPACTED)
    first, second = transcript.news(view), transcript.news(view)

    assert first == ("  [x] look\n- the conversation was compacted (summary), 900 → 90 tokens\n")
    assert second == ""
    assert view.compactions[0].summary == "so far"
