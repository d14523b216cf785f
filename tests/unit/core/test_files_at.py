"""Which snapshot shows the folder at one number of a log."""

from __future__ import annotations

from typing import Any

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import SnapshotRef, TurnOutcome
from jidoka.core.files_at import files_at
from tests.support.entries import LogWriter


def turn(name: str) -> tuple[e.Event, ...]:
    before, after = SnapshotRef(tree=f"{name}-before"), SnapshotRef(tree=f"{name}-after")
    call: dict[str, Any] = {
        "turn_id": name,
        "call_id": "c",
        "tool": "shell",
        "args": {},
        "args_hash": "",
    }
    return (
        e.TurnStarted(turn_id=name, message_ids=()),
        e.ToolStarted(**call, effect="effect", snapshot=before),
        e.ToolStarted(**call, effect="effect"),
        e.TurnEnded(turn_id=name, outcome=TurnOutcome.COMPLETED, snapshot=after),
    )


LOG = LogWriter().write(
    "s1",
    *turn("one"),  # 1 to 4
    e.MessageAccepted(message_id="m", content="more"),
    *turn("two"),  # 6 to 9
    e.TurnUndone(turn_ids=("two", "one")),
    e.TurnRedone(turn_ids=("one", "two")),
    e.TurnUndone(turn_ids=("two",), files_left=True),
)


@pytest.mark.parametrize(
    ("at", "tree"),
    [
        (1, "one-before"),
        (3, "one-before"),
        (4, "one-after"),
        (6, "one-after"),
        (8, "two-before"),
        (9, "two-after"),
        (10, "one-before"),
        (11, "two-after"),
        (12, "two-after"),
    ],
)
def test_it_is_the_last_one_that_was_taken_by_then(at: int, tree: str):
    found = files_at(LOG, at)

    assert found == SnapshotRef(tree=tree)


def test_a_session_that_changed_nothing_has_none():
    found = files_at(LogWriter().write("s1", *turn("one")[:1]), 1)

    assert found is None
