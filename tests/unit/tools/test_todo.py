"""The model's own list."""

from __future__ import annotations

import pytest

from jidoka.contract.errors import ToolArgsInvalid


async def test_the_list_is_shown_as_it_was_given(bench):
    items = [
        {"text": "look", "status": "completed"},
        {"text": "change\n the code", "status": "in_progress"},
        {"text": "test", "status": "pending"},
    ]

    assert await bench.text("todo", items=items) == "[x] look\n[>] change the code\n[ ] test"
    assert await bench.text("todo", items=[]) == "(nothing to do)"


@pytest.mark.parametrize(
    "items",
    [
        [{"text": "", "status": "pending"}],
        [{"text": "a", "status": "done"}],
        [{"text": "a"}],
        [{"text": "a", "status": "in_progress"}] * 2,
        [{"text": "a", "status": "pending"}] * 51,
    ],
)
async def test_a_list_that_makes_no_sense_is_refused(bench, items):
    with pytest.raises(ToolArgsInvalid):
        await bench.call("todo", items=items)
