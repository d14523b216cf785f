"""How long what has ended is kept: to the second, and never what has not ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jidoka.contract.events import iso
from jidoka.core.retention import expired
from jidoka.core.session_row import SessionRow

END = datetime(2026, 1, 1, tzinfo=UTC)
ROW = SessionRow("s1", status="terminated", ended=True, updated_at=iso(END))


@pytest.mark.parametrize(("after_s", "is_expired"), [(59.999, False), (60.0, True), (61.0, True)])
def test_a_session_expires_to_the_second(after_s: float, is_expired: bool):
    found = expired([ROW], END + timedelta(seconds=after_s), 60.0)

    assert found == ((ROW,) if is_expired else ())


def test_what_has_not_ended_never_expires():
    closed = replace(ROW, status="closed", ended=False)
    ending = replace(ROW, ended=False)

    assert expired([closed, ending], END + timedelta(days=1_000), 60.0) == ()
