"""The two-minute look."""

from __future__ import annotations

import pytest

from tests.support.home import Home

pytestmark = [pytest.mark.timeout(120)]


def test_the_scripted_demo_mends_the_failing_test_and_says_that_it_is_scripted(home: Home):
    answer = home.jidoka("demo", "--scripted")

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.startswith("The answers of this demo are scripted")
    assert "✓ edit cart.py" in answer.stdout
    assert answer.stdout.rstrip().endswith("The test passes now.")


@pytest.mark.local
@pytest.mark.timeout(900)
def test_the_embedded_model_mends_the_failing_test(home: Home):
    answer = home.jidoka("demo", timeout_s=850)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.rstrip().endswith("The test passes now.")
