"""Commands over the bus that are wrong: each is refused with a code, and nobody falls over."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import jsonschema
import nats
import pytest
from nats.aio.client import Client as Nats

from jidoka.client import Client, Quarantined
from jidoka.contract.errors import ERRORS
from tests.acceptance.conftest import Write
from tests.support import bad_input
from tests.support.home import Home

pytestmark = [pytest.mark.timeout(180)]
ANSWER_S = 30.0
REFUSED = json.loads((bad_input.ROOT / "replies" / "command.refused.v1.json").read_text())


async def refusal(bus: Nats, subject: str, body: bytes) -> str:
    """Return the code that a command is refused with, or what is wrong with the answer."""
    try:
        answer = json.loads((await bus.request(subject, body, timeout=ANSWER_S)).data)
    except TimeoutError:
        return "no answer"
    if answer.get("type") != "jido.command.refused.v1":
        return f"not refused: {answer.get('data')}"
    data: dict[str, Any] = answer["data"]
    problems = [
        error.message for error in jsonschema.Draft202012Validator(REFUSED).iter_errors(data)
    ]
    if problems or data["code"] not in ERRORS or not data["message"]:
        return f"not well refused: {problems or data}"
    if "Traceback" in data["message"] or data["code"] == "internal":
        return f"a defect: {data['message']}"
    return data["code"]


async def refusals(home: Home, name: str, session_id: str) -> dict[str, str]:
    """Return how everything that is wrong about one command is refused."""
    wrong = [
        *bad_input.BODIES.items(),
        *((what, json.dumps(it).encode()) for what, it in bad_input.wrong_ones(name, session_id)),
    ]
    bus = await nats.connect(home.state["nats_url"])
    try:
        subject = f"jido.command.{name}"
        codes = await asyncio.gather(*(refusal(bus, subject, body) for _, body in wrong))
    finally:
        await bus.close()
    return dict(zip((what for what, _ in wrong), codes, strict=True))


async def answers(home: Home, session_id: str) -> bool:
    """Tell whether a session still takes a message."""
    async with await Client.connect(home.state["nats_url"], source="test") as client:
        return await client.send_message(session_id, "Are you well?") > 0


@pytest.fixture
async def session_id(home: Home, project: Path, script: Write) -> str:
    async with await Client.connect(home.state["nats_url"], source="test") as client:
        llm = {"provider": "scripted", "model": str(script({"text": "I am."}))}
        return await client.create_session(project, llm=llm)


async def test_durable_ones_are_put_away_with_their_reason_and_block_nobody(
    home: Home, session_id: str
):
    name = "message.submit"
    wrong = [json.dumps(it).encode() for _, it in bad_input.wrong_ones(name, session_id)]
    wrong += bad_input.BODIES.values()
    subject = f"jido.session.{session_id}.command.{name}"
    bus = await nats.connect(home.state["nats_url"])
    for body in wrong:
        await bus.jetstream().publish(subject, body)
    await bus.close()

    async with await Client.connect(home.state["nats_url"], source="test") as client:
        put_away = await everything_put_away(client, session_id, len(wrong))

    assert {each.program for each in put_away} == {"coordinator"}
    assert {each.code for each in put_away} - set(ERRORS) == set()
    assert await answers(home, session_id)


async def everything_put_away(
    client: Client, session_id: str, count: int
) -> tuple[Quarantined, ...]:
    """Return what is in quarantine of a session, once there is that much."""
    async with asyncio.timeout(ANSWER_S):
        while True:
            found = await client.list_quarantined(session_id=session_id)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", bad_input.commands())
async def test_a_wrong_command_is_refused_with_a_code_and_the_session_goes_on(
    home: Home, session_id: str, name: str
):
    before = home.logs().count("Traceback")  # the home is not of this file alone

    codes = await refusals(home, name, session_id)

    wrong = {what: code for what, code in codes.items() if code not in ERRORS}
    assert wrong == {}
    assert await answers(home, session_id)
    assert home.logs().count("Traceback") == before
