"""Leaders that end in the middle of everything: what is listed is what the log says, no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing, suppress
from pathlib import Path

from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract.errors import JidokaError, SessionLimitReached, TimedOut, Unavailable
from jidoka.session_manager.head import head_of
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, events_until, leading, said

CREATES = 30
LIMIT = 20
ROUNDS = 4


async def test_creates_survive_their_leaders_and_the_limit_holds(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    asking = [asyncio.create_task(insist(bus, tmp_path / f"p{n}")) for n in range(CREATES)]
    for number in range(ROUNDS):
        async with leading(bus, nats_url, home, session_limit=LIMIT):
            await asyncio.sleep(0.002 * number)
    async with leading(bus, nats_url, home, session_limit=LIMIT):
        answers = await asyncio.gather(*asking)
        made = {answer for answer in answers if answer is not None}
        for session_id in made:
            await events_until(bus, session_id, "active")
        listed = await ask(bus, "session.list", {"limit": 1000})
        stored = await ask(bus, "session.list", {"status": ["active", "terminated"], "limit": 1000})
    logs = await everything(bus)

    assert len(made) == LIMIT
    assert {info["session_id"] for info in listed["sessions"]} == made == set(logs)
    assert {info["session_id"] for info in stored["sessions"]} == made
    assert all(log[0] == "session.created" and log.count("active") == 1 for log in logs.values())
    assert all(no_epoch_twice(log) for log in logs.values())


async def insist(bus: Bus, project: Path) -> str | None:
    """Create a session, asking again with the same id until there is an answer; None: refused."""
    project.mkdir()
    while True:
        try:
            data = {"project_path": str(project)}
            answer = await ask(bus, "session.create", data, command_id=project.name, timeout_s=0.5)
        except SessionLimitReached:
            return None
        except (Unavailable, TimedOut):
            await asyncio.sleep(0.01)
        else:
            return answer["session_id"]


async def everything(bus: Bus) -> dict[str, list[str]]:
    """Return what the log says of each session."""
    head, logs = await head_of(bus), {}
    with suppress(JidokaError):
        async with aclosing(NatsEventLog(bus).follow_all()) as entries:
            async for session_id, entry in entries:
                logs.setdefault(session_id, []).append(said(entry))
                if entry.head.cursor >= head:
                    break
    return logs


def no_epoch_twice(log: list[str]) -> bool:
    assigned = Counter(event for event in log if event.startswith("worker.assigned"))
    return all(count == 1 for count in assigned.values())
