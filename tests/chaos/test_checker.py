"""The checker itself: each kind of broken promise is seen."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.chaos.checker import Event, check, unfinished


def log_of(*events: tuple[str, dict, int | None]) -> list[Event]:
    made: list[Event] = []
    before = "0" * 64
    for number, (name, data, epoch) in enumerate(events, 1):
        body: dict[str, object] = {
            "id": f"id-{number}",
            "sequence": f"{number:010d}",
            "prevhash": before,
            "data": data,
        }
        if epoch is not None:
            body["epoch"] = epoch
        raw = json.dumps(body).encode()
        before = hashlib.sha256(raw).hexdigest()
        made.append(Event(number, f"jido.session.s1.event.{name}", raw, body))
    return made


GOOD = (
    ("session.created", {}, None),
    ("worker.assigned", {"epoch": 1}, None),
    ("message.accepted", {"message_id": "m1"}, None),
    ("turn.started", {"turn_id": "t", "message_ids": ["m1"]}, 1),
    ("llm.responded", {"call_id": "t-1", "tool_calls": [{"call_id": "c"}]}, 1),
    ("tool.started", {"call_id": "c"}, 1),
    ("tool.completed", {"call_id": "c"}, 1),
    ("turn.ended", {"turn_id": "t"}, 1),
)


def test_a_sound_log_breaks_nothing():
    findings = check({"s1": log_of(*GOOD)}, {"s1": [3]}, ["a", "b"])

    assert findings.broken == []


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("tool.completed", {"call_id": "c"}, 1), "c ended 2 times"),
        (("tool.failed", {"call_id": "z"}, 1), "z ended and nobody asked for it"),
        (("turn.ended", {"turn_id": "t"}, 1), "turn t ended 2 times"),
        (("llm.responded", {"call_id": "t-1"}, 1), "model call t-1 was answered 2 times"),
        (("turn.started", {"turn_id": "u", "message_ids": ["m1"]}, 1), "message m1 was taken up 2"),
        (("message.accepted", {"message_id": "m1"}, None), "message m1 is there 2 times"),
        (("llm.requested", {}, 0), "is of epoch 0, not 1"),
        (("llm.requested", {"call_id": "t-1"}, 1), "t-1 was answered and asked for again"),
    ],
)
def test_each_broken_promise_is_named(more, complaint):
    findings = check({"s1": log_of(*GOOD, more)}, {"s1": [3]}, [])

    assert any(complaint in line for line in findings.broken)


def test_a_model_asked_with_open_calls_is_named():
    findings = check({"s1": log_of(*GOOD[:5], ("llm.requested", {}, 1))}, {}, [])

    assert any("open calls" in line for line in findings.broken)


def test_a_hole_an_altered_event_and_a_lost_message_are_named():
    holed = [e for e in log_of(*GOOD) if e.name != "tool.started"]
    altered = log_of(*GOOD)
    altered[3].raw += b" "

    lost = check({"s1": log_of(*GOOD)}, {"s1": [3, 9]}, ["x", "x"])

    assert any("says" in line for line in check({"s1": holed}, {}, []).broken)
    assert any("by hash" in line for line in check({"s1": altered}, {}, []).broken)
    assert any("#9 is lost" in line for line in lost.broken)
    assert any("ran 2 times" in line for line in lost.broken)


@pytest.mark.parametrize(
    ("kept", "complaint"),
    [(3, "message m1 was never taken up"), (4, "turn t has no end"), (5, "c has no end")],
)
def test_what_is_left_open_is_named(kept, complaint):
    whole, cut = {"s1": log_of(*GOOD)}, {"s1": log_of(*GOOD[:kept])}

    assert unfinished(whole) == []
    assert any(complaint in line for line in unfinished(cut))
