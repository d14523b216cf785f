"""Bits are flipped, files are cut, old copies are put back: nothing that was lost stays silent.

Silent would be: an acknowledged event is not there or is another, and its session is shown as
healthy, takes a message, or is exported.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from jidoka.client.session import Client
from tests.chaos.harm import Harm, cut, flip, roll_back
from tests.chaos.house import House, Truth, exported, listed, said, served, stored
from tests.chaos.load import scale

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3_000)]

SEEN_S = 10.0
"""So long after it is up again a system may take to say what is lost."""
SEEDS = {"flip": 1, "cut": 2, "roll back": 3}


@pytest.fixture
async def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    await house.lived_in()
    return house


@pytest.mark.parametrize(
    ("kind", "small", "whole"), [("flip", 10, 100), ("cut", 2, 10), ("roll back", 1, 5)]
)
async def test_harm_to_a_stopped_system_is_never_silent(house, count, kind, small, whole):
    dice, outcomes, silent = random.Random(SEEDS[kind]), Counter(), []  # noqa: S311 - repeatable
    for _ in range(scale(small, whole)):
        house.put_back()
        harm = harmed(house, kind, dice)
        house.broker.start()
        try:
            async with served(house) as client:
                outcome, complaints = await judged(house, client)
        finally:
            house.broker.stop()
        outcomes[outcome] += 1
        silent += [f"{harm}: {complaint}" for complaint in complaints]

    count.append(f"{kind}, system stopped: {sum(outcomes.values())} | {said_of(outcomes, silent)}")
    assert silent == []


@pytest.mark.parametrize(
    ("kind", "small", "whole"), [("flip", 10, 100), ("cut", 2, 10), ("roll back", 1, 5)]
)
async def test_harm_to_a_running_system_is_never_silent(house, count, kind, small, whole):
    dice, outcomes, silent = random.Random(SEEDS[kind] + 10), Counter(), []  # noqa: S311
    for _ in range(scale(small, whole)):
        house.put_back()
        house.broker.start()
        try:
            async with served(house) as client:
                await whole_again(client)
                if kind == "roll back":
                    house.broker.kill()
                harm = harmed(house, kind, dice)
                complaints: list[str] = []
                if kind != "roll back":
                    _, complaints = await judged(house, client)
                    house.broker.kill()
                await asyncio.to_thread(house.broker.start)
                outcome, more = await judged(house, client)
        finally:
            house.broker.stop()
        outcomes[outcome] += 1
        silent += [f"{harm}: {complaint}" for complaint in [*complaints, *more]]

    count.append(f"{kind}, system running: {sum(outcomes.values())} | {said_of(outcomes, silent)}")
    assert silent == []


def harmed(house: House, kind: str, dice: random.Random) -> Harm:
    """Do one harm to the store."""
    doers: dict[str, Callable[[], Harm]] = {
        "flip": lambda: flip(house.store, dice),
        "cut": lambda: cut(house.store, dice),
        "roll back": lambda: roll_back(house.store, house.older),
    }
    return doers[kind]()


def said_of(outcomes: Counter[str], silent: list[str]) -> str:
    counted = ", ".join(f"{what} {times}" for what, times in sorted(outcomes.items()))
    return f"{counted} | silent {len(silent)}"


async def whole_again(client: Client) -> None:
    """Return when the system serves."""
    await client.list_sessions()


async def judged(house: House, client: Client) -> tuple[str, list[str]]:
    """Return what came of it, and a sentence for everything that was silent."""
    await whole_again(client)
    lost = missing(house.truth, await stored(house.broker.url))
    shown = await seen(client, lost)
    complaints: list[str] = []
    for session_id in house.sessions:
        file = house.folder / "export.jsonl"
        events = await exported(client, session_id, file)
        own = [body for subject, body in house.truth.values() if session_id in subject]
        if events is not None and events[: len(own)] != own:
            complaints.append(f"{session_id} was exported without what was lost")
        if session_id not in lost:
            continue
        if not shown.get(session_id):
            complaints.append(f"{session_id} lost {lost[session_id]} and is shown as healthy")
        if await said(client, session_id):
            complaints.append(f"{session_id} lost {lost[session_id]} and takes a message")
    if lost:
        return "degraded", complaints
    return ("more doubt than loss" if any(shown.values()) else "nothing lost"), complaints


async def seen(client: Client, lost: dict[str, list[int]]) -> dict[str, bool]:
    """Return how the sessions are shown, once those that lost something are shown as degraded."""
    until_s = time.monotonic() + SEEN_S
    while True:
        shown = await listed(client)
        if all(shown.get(each) for each in lost) or time.monotonic() > until_s:
            return shown
        await asyncio.sleep(0.05)


def missing(truth: Truth, found: Truth) -> dict[str, list[int]]:
    """Return the sequences that are not there or are others, by session."""
    lost: dict[str, list[int]] = {}
    for number, message in truth.items():
        if found.get(number) != message:
            lost.setdefault(message[0].split(".")[2], []).append(number)
    return lost


@pytest.mark.parametrize("gone", ["registry.db", "marks"])
async def test_of_two_witnesses_one_is_enough(house, gone):
    house.put_back()
    for file in house.home.glob(f"{gone}*"):
        file.unlink()
    roll_back(house.store, house.older)
    house.broker.start()
    try:
        async with served(house) as client:
            found = [await judged(house, client)]
        async with served(house) as client:  # the next start knows it, too
            found.append(await judged(house, client))
    finally:
        house.broker.stop()

    assert found == [("degraded", [])] * 2
