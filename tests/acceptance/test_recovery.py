"""Kill anything, lose nothing: the turn goes on by itself, and what was recorded is there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import Write, call
from tests.support.home import Home, processes_with, running_home, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Home]:
    """A home of this test alone, for everything in it to be killed."""
    with running_home(tmp_path / "home") as home:
        yield home


def begin(home: Home, project: Path, script: Path) -> str:
    """Return a session whose turn is on its way."""

    async def work(client) -> str:
        session_id = await client.create_session(
            project, llm={"model": f"scripted:{script}"}, permission_mode="full-auto"
        )
        await client.send_message(session_id, "Do it.")
        return session_id

    session_id = home.ask(work)
    until(lambda: home.has(session_id, "tool.completed"))
    return session_id


def answer_of(home: Home, session_id: str) -> str:
    until(lambda: home.has(session_id, "turn.ended"), timeout_s=60)
    log = home.log_of(session_id)
    return next(i.envelope.data["answer"] for i in log if i.envelope.name == "turn.ended")


def names_of(home: Home, session_id: str) -> list[str]:
    return [item.envelope.name for item in home.log_of(session_id)]


@pytest.fixture
def slow(script: Write) -> Path:
    """A script that reads, and then takes its time to say the last word."""
    return script(
        {"text": "I look.", "tool_calls": [call("read", path="note.txt")]},
        {"text": "It says one and two.", "first_delay_s": 4.0},
    )


def test_after_the_runtime_was_killed_the_turn_goes_on(mortal: Home, project: Path, slow: Path):
    session_id = begin(mortal, project, slow)
    before = mortal.log_of(session_id)

    os.kill(mortal.state["pid"], signal.SIGKILL)
    until(lambda: not processes_with(str(mortal.folder)))
    again = mortal.jidoka("up", "--detach")

    assert again.returncode == 0, again.stderr
    assert answer_of(mortal, session_id) == "It says one and two."
    after = mortal.log_of(session_id)
    assert [item.body for item in after[: len(before)]] == [item.body for item in before]
    assert names_of(mortal, session_id).count("tool.completed") == 1


@pytest.mark.parametrize(
    "name", ["nats-server", "llm-gateway", "coordinator", "session-manager", "agent-host"]
)
def test_whichever_program_is_killed_the_turn_ends_with_its_answer(
    mortal: Home, project: Path, slow: Path, name: str
):
    session_id = begin(mortal, project, slow)

    mortal.kill(name)

    assert answer_of(mortal, session_id) == "It says one and two."
    assert names_of(mortal, session_id).count("tool.completed") == 1


def test_stopped_in_good_order_it_goes_on_at_the_next_start(
    mortal: Home, project: Path, slow: Path
):
    session_id = begin(mortal, project, slow)

    stopped = mortal.jidoka("down")
    started = mortal.jidoka("up", "--detach")

    assert (stopped.returncode, started.returncode) == (0, 0)
    assert answer_of(mortal, session_id) == "It says one and two."
