"""Whatever comes to the door is answered, with something that anybody can read."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from jidoka.bus.carrier import Asked
from jidoka.bus.memory import MemoryEventLog, MemoryKeep
from jidoka.contract.commands import COMMANDS, MANAGER_COMMANDS
from jidoka.contract.envelope import receive
from jidoka.contract.errors import ERRORS
from jidoka.coordinator.asking import Asking
from jidoka.coordinator.door import answered
from jidoka.coordinator.folds import Folds, Sources
from jidoka.coordinator.manager import Manager
from jidoka.coordinator.service import Coordinator

MOST_ANSWER_BYTES = 64 * 1024
DECIDED_HERE = sorted(set(COMMANDS) - MANAGER_COMMANDS)
FIELDS = sorted({field for name in DECIDED_HERE for field in COMMANDS[name].model_fields})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
SUBJECTS = st.sampled_from([f"jido.command.{name}" for name in DECIDED_HERE]) | st.text(max_size=40)
EVENTS = st.fixed_dictionaries(
    {
        "specversion": st.sampled_from(["1.0", "1.0.2"]) | VALUES,
        "id": st.text(min_size=1, max_size=9) | VALUES,
        "source": st.just("/a") | VALUES,
        "type": st.sampled_from([f"jido.{name}.v1" for name in DECIDED_HERE]) | VALUES,
        "data": st.dictionaries(st.sampled_from(FIELDS), VALUES | st.just("s1")) | VALUES,
    },
    optional={"subject": VALUES | st.just("s1"), "traceparent": VALUES, "time": VALUES},
)


def ask(subject: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Return the answer of a coordinator that knows no session, as a stranger reads it."""
    log = MemoryEventLog()
    coordinator = Coordinator(
        log,
        Folds(Sources(log, MemoryKeep(), lambda: 0.0)),
        cast("Manager", None),
        cast("Asking", None),
        source="/jidoka/coordinator/1",
        new_id=lambda: "1",
        inbox_limit=64,
    )
    answer, _ = asyncio.run(answered(coordinator, Asked(subject, "", body, headers)))
    assert len(answer) < MOST_ANSWER_BYTES
    return json.loads(receive(answer).to_json())


def check_is_a_refusal(answer: dict[str, Any]) -> None:
    assert answer["type"] == "jido.command.refused.v1"
    assert answer["data"]["code"] in ERRORS
    assert answer["data"]["code"] != "internal"
    assert answer["data"]["message"]


@given(SUBJECTS, st.binary(max_size=300), st.dictionaries(st.text(), st.text(), max_size=4))
def test_any_bytes_with_any_headers_are_refused(subject: str, body: bytes, headers: dict[str, str]):
    answer = ask(subject, body, headers)

    check_is_a_refusal(answer)


@given(SUBJECTS, EVENTS)
def test_any_event_is_refused_where_there_is_no_session(subject: str, event: dict[str, Any]):
    answer = ask(subject, json.dumps(event).encode(), {})

    check_is_a_refusal(answer)
