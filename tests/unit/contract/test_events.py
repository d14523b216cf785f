"""Events: strict to write, tolerant to read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jidoka.contract.content import (
    BlobRef,
    ImagePart,
    LlmConfig,
    TextPart,
    TurnOutcome,
    Usage,
    text_of,
)
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.events import (
    EVENTS,
    Commanded,
    LlmResponded,
    TurnEnded,
    UnknownEvent,
    Writer,
    open_event,
)

# the table of the design: who alone writes what, of this version
WRITERS = {
    Writer.COORDINATOR: {
        "message.accepted", "message.edited", "message.withdrawn", "turn.cancel_requested",
        "permission.answered", "permission.revoked", "question.answered",
        "session.renamed", "session.configured", "conversation.cleared",
        "file.added", "file.removed", "context.compaction_requested", "mcp.added", "mcp.removed",
        "session.close_requested", "session.termination_requested",
        "turn.undo_requested", "turn.redo_requested", "turn.retry_requested",
    },
    Writer.SESSION_MANAGER: {
        "session.created", "session.status_changed", "worker.assigned", "worker.lost",
        "session.terminated", "session.deleted", "session.imported",
        "session.forked",
    },
    Writer.WORKER: {
        "turn.started", "llm.requested", "llm.responded", "llm.failed", "permission.requested",
        "question.asked", "question.expired",
        "tool.started", "tool.completed", "tool.failed", "tool.interrupted", "tool.denied",
        "mcp.connected", "mcp.delayed", "mcp.failed",
        "turn.limit_reached", "todo.updated", "context.compacted", "session.titled", "turn.ended",
        "turn.undo_started", "turn.undone", "turn.redone", "turn.undo_refused",
    },
}  # fmt: skip
SHA = "ab" * 32
RESPONDED = {
    "turn_id": "t",
    "call_id": "c",
    "step": 1,
    "model": "m",
    "usage": {"input_tokens": 1, "output_tokens": 2},
}


def test_every_event_has_the_writer_of_the_design():
    written = {
        writer: {name for name, kind in EVENTS.items() if kind.writer is writer}
        for writer in Writer
    }

    assert written == WRITERS


def test_all_that_the_coordinator_writes_records_a_command():
    kinds = [kind for kind in EVENTS.values() if kind.writer is Writer.COORDINATOR]

    assert all(issubclass(kind, Commanded) for kind in kinds)


def test_a_field_that_is_not_in_the_promise_cannot_be_written():
    with pytest.raises(ValidationError, match="mood"):
        TurnEnded.model_validate(
            {"turn_id": "t", "outcome": TurnOutcome.COMPLETED, "mood": "sunny"}
        )


def test_fields_of_a_later_version_are_ignored_however_deep():
    usage = RESPONDED["usage"] | {"cached_tokens": 9}  # type: ignore[operator]

    event = open_event("llm.responded", 1, RESPONDED | {"mood": "sunny", "usage": usage})

    assert isinstance(event, LlmResponded)
    assert event.usage == Usage(input_tokens=1, output_tokens=2)


@pytest.mark.parametrize(("name", "version"), [("tool.dreamt", 1), ("turn.ended", 2)])
def test_a_type_or_version_of_a_later_day_passes_by(name: str, version: int):
    event = open_event(name, version, {"anything": 1})

    assert event == UnknownEvent(name, {"anything": 1})


@pytest.mark.parametrize("data", [None, [], "x", {}, {"turn_id": 7, "outcome": "completed"}])
def test_a_known_type_whose_data_does_not_fit_is_named(data: object):
    with pytest.raises(InvalidMessage) as refusal:
        open_event("turn.ended", 1, data)

    assert refusal.value.problems[0]["path"].startswith("data")


def test_the_text_of_a_content_names_what_is_no_text():
    image = ImagePart(blob=BlobRef(ref=f"blob:s1/{SHA}", size_bytes=3, sha256=SHA))

    assert text_of("hi") == "hi"
    assert text_of((TextPart(text="hi"), image)) == f"hi\n[image blob:s1/{SHA}]"


def test_tokens_add_up():
    one, other = Usage(input_tokens=1, output_tokens=2), Usage(input_tokens=10, output_tokens=20)

    assert one + other == Usage(input_tokens=11, output_tokens=22)


@pytest.mark.parametrize(
    ("provider", "model", "full"),
    [
        (None, "openai/gpt-x", "openai/gpt-x"),
        ("openai", "gpt-x", "openai/gpt-x"),
        ("openai", "openai/gpt-x", "openai/gpt-x"),
        ("scripted", "/a/script.json", "scripted:/a/script.json"),
        ("scripted", "scripted:/a/script.json", "scripted:/a/script.json"),
        ("local", None, "local"),
        (None, None, ""),
    ],
)
def test_a_model_has_one_full_name(provider: str | None, model: str | None, full: str):
    assert LlmConfig(provider=provider, model=model).full_name == full
