"""Sessions under load while something breaks: every command leaves one line in a file."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jidoka.contract import events as e
from tests.chaos.checker import Findings, check, read_all, unfinished
from tests.chaos.sender import Sender
from tests.support.system import Stack

MESSAGES = 2_000
"""That a script knows; a session says each at most once."""
TURN_S = 300.0
LOOK_S = 0.005


def scale(small: int, whole: int) -> int:
    """Return how often: the small number, or the whole one with `JIDOKA_CHAOS=whole`."""
    return whole if os.environ.get("JIDOKA_CHAOS") == "whole" else small


async def soon(true: Callable[[], bool], timeout_s: float = TURN_S) -> None:
    """Return as soon as it is true of what no event tells of: files and processes."""
    for _ in range(int(timeout_s / LOOK_S)):
        if await asyncio.to_thread(true):
            return
        await asyncio.sleep(LOOK_S)
    raise TimeoutError


in_the_whole_run = pytest.mark.skipif(
    os.environ.get("JIDOKA_CHAOS") != "whole", reason="takes its time: JIDOKA_CHAOS=whole runs it"
)
"""Marks what a shorter test of the short run stands for."""


@dataclass
class Talk:
    """One session that is talked to, turn after turn."""

    session_id: str
    folder: Path
    acknowledged: list[int] = field(default_factory=list)
    said: int = 0

    @property
    def effects(self) -> list[str]:
        """The lines that commands have written: one a run."""
        written = self.folder / "effects"
        return written.read_text().split() if written.exists() else []


@dataclass
class Load:
    """Some sessions on a running system."""

    stack: Stack
    sender: Sender
    talks: list[Talk] = field(default_factory=list)
    stopping: bool = False

    async def open(self, count: int) -> None:
        """Open sessions, each with a script of its own."""
        for _ in range(count):
            folder = self.stack.folder()
            script = folder.with_suffix(".json")
            script.write_text(json.dumps(_script()))
            session_id = await self.stack.client.create_session(
                folder,
                llm={"provider": "scripted", "model": str(script)},
                permission_mode="full-auto",
            )
            self.talks.append(Talk(session_id, folder))

    async def run(self) -> None:
        """Talk in all sessions until `stopping`."""
        async with asyncio.TaskGroup() as tasks:
            for talk in self.talks:
                tasks.create_task(self._talk(talk))

    async def findings(self) -> Findings:
        """Read the logs and compare them with what happened."""
        sessions = await read_all(self.stack.state["nats_url"])
        acknowledged = {talk.session_id: talk.acknowledged for talk in self.talks}
        effects = [f"{talk.session_id}/{line}" for talk in self.talks for line in talk.effects]
        findings = check(sessions, acknowledged, effects)
        findings.broken += unfinished(sessions)
        return findings

    async def _talk(self, talk: Talk) -> None:
        while not self.stopping and talk.said < MESSAGES:
            talk.said += 1
            message = f"message-{talk.said}."
            talk.acknowledged.append(await self.sender.say(talk.session_id, message))
            async with asyncio.timeout(TURN_S):
                await self.stack.until(talk.session_id, e.TurnEnded, talk.said)


def _script() -> dict[str, object]:
    """Return answers: for each message a command that writes one line, then a word."""
    answers: list[dict[str, object]] = []
    for number in range(1, MESSAGES + 1):
        when = f"message-{number}."
        command = f"echo line-{number} >> effects; sleep 0.05"
        calls = [{"tool": "shell", "arguments": {"command": command}}]
        done = f"done with {number}, all is well"
        answers.append(
            {"when": when, "text": "I run it now.", "delay_s": 0.01, "tool_calls": calls}
        )
        answers.append({"when": when, "text": done, "delay_s": 0.01})
    return {"answers": answers}
