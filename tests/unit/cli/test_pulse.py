"""The line that says what is waited for."""

from __future__ import annotations

import io

import pytest

from jidoka.cli import pulse
from jidoka.cli.pulse import Pulse


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "QUIET_S", 0.0)


def test_it_says_what_is_waited_for_and_goes_before_anything_is_printed():
    out = io.StringIO()
    line = Pulse(out, lambda: "thinking")

    line.beat()
    line.hide()
    line.hide()

    drawn, gone = out.getvalue().removeprefix("\r\x1b[2K").split("\r\x1b[2K")
    assert drawn.endswith(" thinking 0 s")
    assert gone == ""


def test_it_draws_nothing_while_there_is_nothing_to_wait_for():
    out = io.StringIO()

    Pulse(out, lambda: "").beat()

    assert out.getvalue() == ""


def test_it_is_never_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()

    Pulse(out, lambda: "x" * 100).beat()

    assert len(out.getvalue().removeprefix("\r\x1b[2K")) < 40


async def test_it_does_not_beat_where_nobody_looks():
    out = io.StringIO()

    async with Pulse(out, lambda: "thinking").beating():
        pass

    assert out.getvalue() == ""
