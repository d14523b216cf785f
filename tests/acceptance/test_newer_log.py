"""A session that a newer build wrote to: it is read, and nothing is added to it."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from pathlib import Path

import nats
import pytest

from tests.acceptance.conftest import Write
from tests.support.home import Home, until

pytestmark = [pytest.mark.timeout(120)]


def write_as_a_newer_build(home: Home, session_id: str) -> int:
    """Store the next event of a session as a later version of jidoka would; return its number."""
    last = home.log_of(session_id)[-1]
    event = json.loads(last.body) | {
        "id": "from-the-future",
        "type": "jido.turn.ended.v2",
        "sequence": f"{last.sequence + 1:010d}",
        "prevhash": sha256(last.body).hexdigest(),
        "data": {"how": "in a way that nobody knows yet"},
    }

    async def published() -> None:
        client = await nats.connect(home.state["nats_url"])
        subject = f"jido.session.{session_id}.event.turn.ended"
        await client.jetstream().publish(subject, json.dumps(event).encode())
        await client.close()

    asyncio.run(published())
    return last.sequence + 1


def test_the_log_of_a_newer_build_is_shown_and_followed_and_takes_no_message(
    home: Home, project: Path, script: Write
):
    model = {"model": f"scripted:{script({'text': 'Here.'}, loop=True)}"}
    session_id = home.ask(lambda client: client.create_session(project, llm=model))
    until(lambda: home.status_of(session_id) == "active")
    number = write_as_a_newer_build(home, session_id)

    until(lambda: home.json("session", "show", session_id, "--json")["error"])
    shown = home.json("session", "show", session_id, "--json")
    followed = home.jidoka("follow", session_id, "--no-wait", "--json")
    sent = home.jidoka("send", session_id, "hello")

    assert shown["error"]["code"] == "unsupported_version"
    assert not shown["degraded"]
    assert followed.returncode == 0
    assert json.loads(followed.stdout.splitlines()[-1])["type"] == "jido.turn.ended.v2"
    assert sent.returncode != 0
    assert "turn.ended.v2" in sent.stdout + sent.stderr
    assert home.log_of(session_id)[-1].sequence == number
