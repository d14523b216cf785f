"""The circuit breaker of a provider."""

from __future__ import annotations

from jidoka.llm_gateway.breaker import FAILURES, OPEN_S, TRIAL_S, WINDOW_S, Breaker


def broken(at: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(at)
    return breaker


def test_a_few_failures_change_nothing():
    breaker = Breaker()

    opened = [breaker.failed(100.0) for _ in range(FAILURES - 1)]

    assert not any(opened)
    assert breaker.admits(100.0)


def test_too_many_failures_in_a_short_time_open_it():
    breaker = broken(100.0)

    assert not breaker.admits(100.0 + OPEN_S - 1)


def test_as_many_failures_over_a_longer_time_do_not():
    breaker = Breaker()

    opened = [breaker.failed(100.0 + number * WINDOW_S) for number in range(FAILURES * 2)]

    assert not any(opened)


def test_an_answer_in_between_is_a_new_start():
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.failed(100.0)

    breaker.heard()

    assert not breaker.failed(100.0)


def test_after_a_while_one_call_may_try():
    breaker = broken(100.0)

    admitted = [breaker.admits(100.0 + OPEN_S) for _ in range(3)]

    assert admitted == [True, False, False]


def test_if_it_is_heard_everyone_may_go():
    breaker = broken(100.0)
    breaker.admits(100.0 + OPEN_S)

    breaker.heard()

    assert breaker.admits(100.0 + OPEN_S)


def test_if_it_fails_it_stays_open_for_as_long_again():
    breaker = broken(100.0)
    breaker.admits(100.0 + OPEN_S)

    breaker.failed(100.0 + OPEN_S)

    assert not breaker.admits(100.0 + 2 * OPEN_S - 1)
    assert breaker.admits(100.0 + 2 * OPEN_S)


def test_if_it_ends_without_an_outcome_another_may_try():
    breaker = broken(100.0)
    breaker.admits(100.0 + OPEN_S)

    breaker.gave_up()

    assert breaker.admits(100.0 + OPEN_S)


def test_who_is_sent_away_is_told_how_long():
    breaker = broken(100.0)
    waits = [breaker.wait_s(110.0)]

    breaker.admits(100.0 + OPEN_S)
    waits.append(breaker.wait_s(100.0 + OPEN_S))

    assert waits == [OPEN_S - 10.0, TRIAL_S]
