"""A changed value is a new one, the same in all that was not named."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from jidoka.core.changing import changed
from jidoka.core.state import SessionState


def test_it_is_what_the_standard_library_makes():
    state = SessionState(session_id="s1", epoch=3)

    assert changed(state, name="shop") == replace(state, name="shop")


def test_the_old_value_stays_as_it_was():
    state = SessionState(session_id="s1")

    changed(state, session_id="s2")

    assert state.session_id == "s1"


def test_the_new_value_is_frozen_too():
    state = changed(SessionState(), name="shop")

    with pytest.raises(FrozenInstanceError):
        state.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_field_that_is_not_there_is_an_error():
    with pytest.raises(TypeError, match="SessionState has no field mood"):
        changed(SessionState(), mood="sunny")
