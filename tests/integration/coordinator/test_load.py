"""More than the door takes: refused with a word when to come again, while others are served."""

from __future__ import annotations

import asyncio

import pytest

from jidoka.coordinator.room import MOST_FORWARDED
from tests.support.coordinator import Sessions, Stranger

pytestmark = pytest.mark.usefixtures("coordinator")


async def test_while_the_leader_is_away_messages_are_taken_and_too_many_lists_refused(
    sid: str, stranger: Stranger, sessions: Sessions
):
    await sessions.create(sid)
    lists = [
        asyncio.create_task(stranger.ask("session.list", {})) for _ in range(MOST_FORWARDED + 20)
    ]
    refused, _ = await asyncio.wait(lists, return_when=asyncio.FIRST_COMPLETED)

    said = await stranger.say(sid, "hi")
    answers = [answer["data"] for answer in await asyncio.gather(*lists)]

    assert said["sequence"] == 4
    assert {task.result()["data"]["code"] for task in refused} == {"rate_limited"}
    codes = [answer["code"] for answer in answers]
    assert (codes.count("rate_limited"), codes.count("unavailable")) == (20, MOST_FORWARDED)
