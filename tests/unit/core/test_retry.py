"""When a session's workers have died too often."""

from __future__ import annotations

from datetime import timedelta

from jidoka.core.retry import crash_loop
from tests.support.entries import START

DEATHS = [START + timedelta(seconds=n) for n in range(11)]


def test_more_deaths_than_allowed_within_the_window_are_a_loop():
    assert crash_loop(DEATHS, DEATHS[-1])
    assert not crash_loop(DEATHS[1:], DEATHS[-1])


def test_deaths_before_the_window_do_not_count():
    assert not crash_loop(DEATHS, START + timedelta(seconds=61))


def test_a_clock_that_was_set_back_makes_no_loop_of_old_deaths():
    now = START - timedelta(days=1)

    assert not crash_loop([*DEATHS, now], now)
