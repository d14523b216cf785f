"""What a person sees of the context."""

from __future__ import annotations

from jidoka.cli.transcript import Transcript
from jidoka.client.context import of_context
from jidoka.client.shapes import SessionView
from jidoka.contract import events as e
from jidoka.contract.briefing import TodoItem

COMPACTED = e.ContextCompacted(
    reason="automatic", method="summary", summary="so far", tokens_before=900, tokens_after=90
)


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
