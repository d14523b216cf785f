"""Malformed messages on every subject: no program ends, each is refused or put into quarantine."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter

import pytest

from jidoka.bus.connection import Bus
from jidoka.bus.quarantine import Quarantine
from jidoka.contract import events as e
from jidoka.contract.commands import COMMANDS
from jidoka.contract.errors import ERRORS, JidokaError, Unavailable
from tests.chaos.load import Load, scale

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_200)]

ANSWER_S = 10.0
AT_ONCE = 16
EVENTS = ("message.accepted", "turn.started", "tool.completed", "session.titled", "moon.landed")
INTERNAL = (
    "jido.llm.complete",
    "jido.llm.models",
    "jido.manager.worker.ready",
    "jido.manager.worker.exited",
    "jido.manager.session.settle",
    "jido.manager.session.check",
    "jido.manager.session.abandon",
    "jido.manager.session.create",
    "jido.manager.session.get",
)


def malformed(dice: random.Random) -> bytes:
    """Return a body that is no message of ours."""
    good = json.dumps(
        {
            "specversion": "1.0",
            "id": str(dice.random()),
            "source": "/poison",
            "type": dice.choice(["jido.message.submit.v1", "jido.moon.land.v9", "x", 7]),
            "data": dice.choice([{}, [], None, "text", {"session_id": 7}, {"content": []}]),
        }
    ).encode()
    return dice.choice(
        [
            lambda: dice.randbytes(dice.randrange(200)),
            lambda: good[: dice.randrange(len(good))],
            lambda: good,
            lambda: b"[" * dice.randrange(1, 5_000),
            lambda: b'{"a":' * 70 + b"1" + b"}" * 70,
            lambda: b'{"specversion":"1.0","id":NaN}',
            lambda: b'{"specversion":"1.0","id":"' + b"9" * 5_000 + b'"}',
            lambda: b'{"session_id":' + b"9" * 5_000 + b"}",
            lambda: b'{"session_id":"\\ud800"}',
            lambda: b"",
            lambda: b"null",
        ]
    )()


async def told(bus: Bus, subject: str, body: bytes) -> str:
    """Return what was said to a message: a code, `answered`, or that nobody listens or speaks."""
    try:
        answer = await bus.request(subject, body, ANSWER_S)
    except Unavailable:
        return "nobody listens"
    except JidokaError:
        return f"no answer on {subject}"
    said = json.loads(answer.data)
    data = said.get("data") if isinstance(said.get("data"), dict) else {}
    code = data.get("code") or (said.get("error") or {}).get("code")
    return "refused" if code in ERRORS else f"unknown code {code}" if code else "answered"


async def ask_all(bus: Bus, asked: list[str], each: int, dice: random.Random) -> Counter[str]:
    """Ask malformed questions on every subject, some at a time; return what was said to them."""
    answers: Counter[str] = Counter()
    room = asyncio.Semaphore(AT_ONCE)

    async def ask(subject: str) -> None:
        async with room:
            answers[await told(bus, subject, malformed(dice))] += 1

    async with asyncio.TaskGroup() as tasks:
        for subject in asked:
            for _ in range(each):
                tasks.create_task(ask(subject))
    return answers


def unanswered(session_id: str) -> list[str]:
    """Return subjects on which nobody answers: what comes there is stored, or passes by."""
    return [
        *(f"jido.session.{session_id}.event.{name}" for name in EVENTS),
        *(f"jido.session.{session_id}.command.{name}" for name in list(COMMANDS)[:5]),
        f"jido.session.{session_id}.live.text",
        "jido.llm.cancel.none",
        "jido.project.none.event.file.changed",
    ]


def pids(load: Load) -> dict[str, int]:
    load.stack.refresh()
    return {each["name"]: each["pid"] for each in load.stack.state["programs"]}


async def test_no_malformed_message_ends_a_program_or_goes_unsaid(load: Load, count):
    await load.open(1)
    talk, client, before = load.talks[0], load.stack.client, pids(load)
    dice, each = random.Random(17), scale(8, 100)  # noqa: S311 - repeatable, no secret
    host = (await client.hosts())[0].host
    hosts = [f"jido.host.{host}.worker.{verb}" for verb in ("start", "stop", "list")]
    asked = [*(f"jido.command.{name}" for name in COMMANDS), *INTERNAL, *hosts]

    answers = await ask_all(client.bus, asked, each, dice)
    for subject in unanswered(talk.session_id) * each:
        await client.bus.publish(subject, malformed(dice))
    talk.said = 1
    await client.send_message(talk.session_id, "message-1.")
    await load.stack.until(talk.session_id, e.TurnEnded, 1)

    kept = await Quarantine(client.bus).extent()
    info = await client.get_session_info(talk.session_id)
    sent = each * (len(asked) + len(unanswered(talk.session_id)))
    said = ", ".join(f"{what} {times}" for what, times in sorted(answers.items()))
    count.append(f"malformed messages: {sent} | {said} | in quarantine {kept.messages}")
    assert pids(load) == before
    assert not info.degraded
    assert set(answers) <= {"refused", "answered"}
    assert kept.messages > 0
