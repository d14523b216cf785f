"""Many sessions stream at once, and one worker is killed in the middle: nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from dataclasses import dataclass, field

import pytest

from tests.benchmarks.results import p95
from tests.chaos.checker import check, read_all
from tests.chaos.history import History, watched
from tests.chaos.load import scale
from tests.support.system import Stack, running_stack

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

WORDS = [f"word-{number} " for number in range(scale(16, 40))]
EVERY_S = 0.25
ERRORS = (
    "llm.failed",
    "tool.failed",
    "tool.interrupted",
    "worker.lost",
    "turn.limit_reached",
    "session.terminated",
)


@dataclass
class Crowd:
    """Sessions whose model speaks slowly."""

    stack: Stack
    history: History
    session_ids: list[str] = field(default_factory=list)
    acknowledged: dict[str, list[int]] = field(default_factory=dict)
    victims: list[str] = field(default_factory=list)
    went_on_s: list[float] = field(default_factory=list)

    async def gather(self, size: int) -> None:
        """Open so many sessions, and have a worker live for each."""
        script = self.stack.home.parent / "script.json"
        answer = {"deltas": WORDS, "delay_s": EVERY_S}
        script.write_text(json.dumps({"answers": [answer]}))
        llm = {"provider": "scripted", "model": str(script)}
        for _ in range(size):
            session_id = await self.stack.client.create_session(self.stack.folder(), llm=llm)
            self.session_ids.append(session_id)
        for session_id in self.session_ids:
            await self.stack.live(session_id)

    async def speak(self, number: int) -> None:
        """Have all speak at once and kill one worker once all of them do."""
        sending = [self.stack.client.send_message(x, "Speak.") for x in self.session_ids]
        recorded = await asyncio.gather(*sending)
        for session_id, sequence in zip(self.session_ids, recorded, strict=True):
            self.acknowledged.setdefault(session_id, []).append(sequence)
        for session_id in self.session_ids:
            await self.history.until_count(session_id, "llm.requested", number)
        victim = self.session_ids[number]
        pid = (await self.stack.client.get_session_info(victim)).worker_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        died_s = time.monotonic()
        self.victims.append(victim)
        await self.history.until_count(victim, "worker.assigned", 1 + self.victims.count(victim))
        self.went_on_s.append(time.monotonic() - died_s)
        for session_id in self.session_ids:
            await self.history.until_count(session_id, "turn.ended", number)

    def errors_elsewhere(self) -> list[str]:
        """Return what went wrong in the sessions whose workers nobody killed."""
        others = set(self.session_ids) - set(self.victims)
        return [
            f"{session_id}: {event.name}"
            for session_id in others
            for event in self.history.events[session_id]
            if event.name in ERRORS or (event.name == "turn.ended" and not _is_whole(event.body))
        ]

    def whole_answers(self) -> int:
        """Return how many turns of all sessions ended with all that was to be said."""
        events = [event for each in self.session_ids for event in self.history.events[each]]
        return sum(event.name == "turn.ended" and _is_whole(event.body) for event in events)


def _is_whole(body: dict) -> bool:
    data = body["data"]
    return data["outcome"] == "completed" and data["answer"].strip() == "".join(WORDS).strip()


async def test_when_one_of_many_streaming_sessions_dies_the_others_notice_nothing(tmp_path, count):
    size, rounds = scale(30, 200), scale(1, 5)
    async with running_stack(tmp_path / "home") as stack:
        async with watched(stack.state["nats_url"]) as history:
            crowd = Crowd(stack, history)
            await crowd.gather(size)
            for number in range(1, rounds + 1):
                await crowd.speak(number)
        findings = check(await read_all(stack.state["nats_url"]), crowd.acknowledged, [])

    errors = crowd.errors_elsewhere()
    count.append(
        f"neighbours: {size} sessions streaming, {rounds} times one worker killed | errors "
        f"elsewhere {len(errors)} | whole answers {crowd.whole_answers()} of {size * rounds} | "
        f"broken promises {len(findings.broken)}"
    )
    count.append(f"  its next worker assigned after: p95 {p95(crowd.went_on_s):.2f} s")
    assert errors == []
    assert crowd.whole_answers() == size * rounds
    assert findings.broken == []
