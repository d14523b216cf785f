"""What no program could take up: seen with its reason, sent again, dropped; the queue goes on."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest

from jidoka.contract.ids import session_id_of
from tests.acceptance.conftest import Write
from tests.support.home import Home, until

pytestmark = [pytest.mark.timeout(120)]


@pytest.fixture
def session_id(home: Home, project: Path, script: Write) -> Iterator[str]:
    model = {"model": f"scripted:{script({'text': 'Here.'}, loop=True)}"}
    made = home.ask(lambda client: client.create_session(project, llm=model))
    yield made
    home.jidoka("session", "terminate", made)


def leave(home: Home, subject: str, *bodies: bytes) -> None:
    """Store messages as any NATS client does: nothing of jidoka is needed."""

    async def published() -> None:
        client = await nats.connect(home.state["nats_url"])
        for body in bodies:
            await client.jetstream().publish(subject, body)
        await client.close()

    asyncio.run(published())


def event(name: str, command_id: str, **data: Any) -> bytes:
    envelope = {"specversion": "1.0", "id": command_id, "source": "/stranger"}
    return json.dumps(envelope | {"type": f"jido.{name}.v1", "data": data}).encode()


def put_away(home: Home, session_id: str, count: int = 1) -> list[dict[str, Any]]:
    """Return what is in quarantine of a session, as soon as there are so many."""

    def enough() -> bool:
        found = home.ask(lambda client: client.list_quarantined(session_id=session_id))
        return len(found) >= count

    until(enough)
    return home.json("dlq", "list", "--session", session_id, "--json")


def said(home: Home, session_id: str) -> list[str]:
    log = home.log_of(session_id)
    return [i.envelope.data["content"] for i in log if i.envelope.name == "message.accepted"]


def test_a_malformed_message_is_listed_with_its_reason_and_the_queue_goes_on(
    home: Home, session_id: str
):
    subject = f"jido.session.{session_id}.command.message.submit"
    malformed = b'{"specversion": "1.0", "id": \xff\x1b[31m'

    leave(home, subject, malformed, event("message.submit", "after", content="After that."))
    (listed,) = put_away(home, session_id)
    until(lambda: said(home, session_id) == ["After that."])

    shown = home.json("dlq", "show", str(listed["number"]), "--json")
    for_people = home.jidoka("dlq", "show", str(listed["number"]))
    table = home.jidoka("dlq", "list", "--session", session_id)
    assert (listed["program"], listed["code"]) == ("coordinator", "invalid_message")
    assert (listed["what"], listed["session_id"]) == ("command message.submit", session_id)
    assert listed["reason"]
    assert listed["time"].endswith("Z")
    assert (shown["body"], shown["error"]["code"]) == (None, "invalid_message")
    assert shown["body_base64"] == "eyJzcGVjdmVyc2lvbiI6ICIxLjAiLCAiaWQiOiD/G1szMW0="
    assert listed["reason"] in for_people.stdout
    assert "\x1b" not in for_people.stdout
    assert "invalid_message" in table.stdout


def test_what_was_refused_is_applied_once_when_its_cause_is_gone(
    home: Home, tmp_path: Path, script: Write
):
    folder = tmp_path / "later"
    made = session_id_of("/stranger", "create later")
    llm = {"model": f"scripted:{script({'text': 'Here.'})}"}
    body = event("session.create", "create later", project_path=str(folder), llm=llm)
    leave(home, f"jido.session.{made}.command.session.create", body)
    (listed,) = put_away(home, made)
    number = str(listed["number"])

    folder.mkdir()
    sent = home.json("dlq", "redrive", number, "--json")
    until(lambda: home.has(made, "worker.assigned"))
    again = home.jidoka("dlq", "redrive", number, "--json")

    created = [i for i in home.log_of(made) if i.envelope.name == "session.created"]
    left = home.json("dlq", "list", "--session", made, "--json")
    assert listed["code"] == "project_not_found"
    assert sent["subject"] == listed["subject"]
    assert len(created) == 1
    assert left == []
    assert again.returncode == 3
    assert json.loads(again.stdout)["error"]["code"] == "not_in_quarantine"
    home.jidoka("session", "terminate", made)


def test_a_message_that_is_still_refused_is_put_away_anew(home: Home, session_id: str):
    subject = f"jido.session.{session_id}.command.message.submit"
    leave(home, subject, b"nothing")
    (first,) = put_away(home, session_id)

    home.json("dlq", "redrive", str(first["number"]), "--json")

    (second,) = put_away(home, session_id)
    assert second["number"] > first["number"]
    assert second["reason"] == first["reason"]


@pytest.mark.parametrize("verb", ["show", "redrive", "drop"])
def test_what_is_not_there_exits_3(home: Home, verb: str):
    answer = home.jidoka("dlq", verb, "999999", "--json")

    assert answer.returncode == 3
    assert json.loads(answer.stdout)["error"]["code"] == "not_in_quarantine"


def test_what_was_a_request_is_not_sent_again_and_says_why(home: Home, session_id: str):
    async def asked() -> None:
        client = await nats.connect(home.state["nats_url"])
        await client.request("jido.command.message.withdraw", b"nothing", timeout=10)
        await client.close()

    def withdrawn() -> list[int]:
        found = home.ask(lambda client: client.list_quarantined(program="coordinator"))
        return [each.number for each in found if each.what == "request message.withdraw"]

    before = withdrawn()

    def listed() -> list[int]:
        return [number for number in withdrawn() if number not in before]

    asyncio.run(asked())
    (number,) = until(listed)

    refused = home.jidoka("dlq", "redrive", str(number))
    assert refused.returncode == 2
    assert "was no durable command but: request message.withdraw" in refused.stderr
    assert listed() == [number]


def test_the_list_comes_in_pages_and_one_or_all_are_dropped(home: Home, session_id: str):
    subject = f"jido.session.{session_id}.command.turn.cancel"
    leave(home, subject, b"1", b"2", b"3")
    numbers = [str(each["number"]) for each in put_away(home, session_id, 3)]
    words = ["dlq", "list", "--session", session_id]

    page = home.jidoka(*words, "--limit", "1", "--after", numbers[0])
    dropped = home.json("dlq", "drop", numbers[0], "--json")
    left = home.json(*words, "--json")
    all_dropped = home.json("dlq", "drop", "--all", "--program", "coordinator", "--json")

    assert page.stderr == f"There is more: --after {numbers[1]}\n"
    assert dropped == {"dropped": 1}
    assert [str(each["number"]) for each in left] == numbers[1:]
    assert all_dropped["dropped"] >= 2
    assert home.json(*words, "--json") == []


@pytest.mark.parametrize(("answer", "left"), [("n\n", 1), ("y\n", 0)])
def test_on_a_terminal_a_person_is_asked_first(home: Home, session_id: str, answer: str, left: int):
    leave(home, f"jido.session.{session_id}.command.turn.cancel", b"nothing")
    (listed,) = put_away(home, session_id)
    person, terminal = pty.openpty()
    os.write(person, answer.encode())

    said_back = subprocess.run(
        [sys.executable, "-m", "jidoka.cli", "dlq", "drop", str(listed["number"])],
        env=home.environment,
        stdin=terminal,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(terminal)
    os.close(person)

    assert said_back.returncode == 0, said_back.stderr
    assert f"Drop {listed['number']}, command turn.cancel of {session_id}" in said_back.stderr
    found = home.ask(lambda client: client.list_quarantined(session_id=session_id))
    assert len(found) == left


@pytest.mark.parametrize(
    "words",
    [["drop"], ["drop", "1", "--all"], ["drop", "1", "--program", "x"], ["show", "x"], ["redrive"]],
)
def test_a_command_line_that_does_not_fit_exits_2(home: Home, words: list[str]):
    assert home.jidoka("dlq", *words).returncode == 2
