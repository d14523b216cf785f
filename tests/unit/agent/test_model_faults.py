"""Whatever a model does wrong, and whenever: the turn ends, and the next message is answered.

Every fault at every moment of a turn, once and again and again: real fold, worker and tools.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jidoka.bus.memory import MemoryEventLog
from jidoka.contract import events as e
from jidoka.contract.content import Limits, PermissionMode, Policy, TurnOutcome
from jidoka.contract.errors import ProviderUnavailable
from tests.support.agent import SESSION, Bench
from tests.support.faults import FAULTS, FaultyModel, Saying, asking

pytestmark = [pytest.mark.timeout(300)]
TURN_S = 120.0
AGAIN = 99
STEPS = 8
Model = FaultyModel


@dataclass(frozen=True)
class Moment:
    """Where in a turn the model goes wrong."""

    before: tuple[Saying, ...] = ()
    mode: PermissionMode = PermissionMode.FULL_AUTO
    limits: Limits = field(default_factory=lambda: Limits(max_steps=STEPS))
    in_summaries: bool = False
    meanwhile: Callable[[Bench], Awaitable[None]] | None = None
    takes_over: bool = False
    """A second worker gets the fault; the first was lost while it waited for the answer."""


async def steer(bench: Bench) -> None:
    await bench.write(e.MessageAccepted(message_id="s1", content="tabs!", policy=Policy.STEER))


async def cancel(bench: Bench) -> None:
    running = (await bench.until(e.TurnStarted)).event
    assert isinstance(running, e.TurnStarted)
    await bench.write(e.TurnCancelRequested(turn_id=running.turn_id))


async def interrupt(bench: Bench) -> None:
    await bench.write(e.MessageAccepted(message_id="i1", content="No!", policy=Policy.INTERRUPT))


READ = asking("read", path="a.txt")
LONG = (asking("shell", command="seq 1 2500"), asking("shell", command="seq 3 2500"), READ)
SMALL = Limits(max_steps=STEPS, context_tokens=6_000)
"""What LONG does not fit into, so that it is compacted."""
MOMENTS = {
    "at the first answer": Moment(),
    "after a read": Moment((READ,)),
    "after an edit": Moment((READ, asking("edit", path="a.txt", old="one", new="two"))),
    "after a command": Moment((asking("shell", command="echo hello; exit 3"),)),
    "after a failed call": Moment((asking("read", path="nowhere.txt"),)),
    "after a denied call": Moment(
        (asking("write", path="c.txt", content="c"),), mode=PermissionMode.PLAN
    ),
    "at a second attempt": Moment((ProviderUnavailable(provider="fake", status=503),)),
    "in the summary of a compaction": Moment(LONG, limits=SMALL, in_summaries=True),
    "after a compaction": Moment(LONG, limits=SMALL),
    "with a message steered in": Moment((READ,), meanwhile=steer),
    "while the turn is cancelled": Moment((READ,), meanwhile=cancel),
    "while a message interrupts": Moment((READ,), meanwhile=interrupt),
    "after a take-over": Moment((READ,), takes_over=True),
}


@dataclass
class Trial:
    """One fault at one moment."""

    fault: str
    moment: str
    times: int
    outcome: str = "hung"
    second: str = ""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.fault} {self.moment} ×{self.times}: {self.outcome}, then {self.second!r}"


def not_accepted(messages: tuple[dict[str, Any], ...]) -> list[str]:
    """Return why some provider would refuse a conversation."""
    problems: list[str] = []
    waiting: list[str] = []
    roles = [message["role"] for message in messages]
    for message in messages:
        if message["role"] == "tool":
            if not waiting or waiting.pop(0) != message["tool_call_id"]:
                problems.append("a result that nobody asked for, or out of order")
        elif waiting:
            problems.append(f"{message['role']} speaks before {len(waiting)} results")
        if not message.get("content") and not message.get("tool_calls"):
            problems.append(f"{message['role']} says nothing")
        for call in message.get("tool_calls", ()):
            waiting.append(call["id"])
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                problems.append("arguments that are no object")
    problems += ["an open call at the end"] * bool(waiting)
    if roles[0] != "system" or "system" in roles[1:]:
        problems.append("system does not speak first and once")
    pairs = pairwise(roles)
    problems += [f"{one} speaks twice" for one, other in pairs if one == other != "tool"]
    return problems


async def tried(root: Path, trial: Trial) -> Trial:
    """Let the model go wrong, then say something to it."""
    root.mkdir()
    (root / "a.txt").write_text("one\n")
    moment = MOMENTS[trial.moment]
    before = list(moment.before)
    model = FaultyModel(before, FAULTS[trial.fault], trial.times, moment.in_summaries)
    bench = Bench(MemoryEventLog(), root, model, mode=moment.mode, limits=moment.limits)  # pyright: ignore[reportArgumentType]
    meanwhile = moment.meanwhile
    if meanwhile is not None:
        model.meanwhile = lambda: meanwhile(bench)
    await bench.open()
    epoch = 1
    if moment.takes_over:
        epoch = 2
        await lose_a_worker(bench, model)
    async with bench.worker(epoch):
        trial.outcome = await end_of(bench, "m1") or "hung"
        model.healed = True
        await bench.write(e.MessageAccepted(message_id="m2", content="And now?"))
        trial.second = await end_of(bench, "m2") or "hung"
    if model.made == 0:
        trial.problems.append("the fault never came")
    if moment.limits is SMALL and not any(call.quiet for call in model.calls):
        trial.problems.append("nothing was compacted")
    for call in model.calls:
        trial.problems += not_accepted(call.messages)
    return trial


async def lose_a_worker(bench: Bench, model: FaultyModel) -> None:
    """Run a worker up to the faulty call, and end it while it waits for the answer."""
    asked = asyncio.Event()

    async def wait() -> None:
        asked.set()
        await asyncio.Event().wait()

    model.meanwhile = wait
    async with bench.worker(1) as task, asyncio.timeout(TURN_S):
        await asked.wait()
        task.cancel()
    model.meanwhile, model.made = None, 0


async def end_of(bench: Bench, message_id: str) -> str | None:
    """Return the outcome of the turn that took a message up, with its answer; None: it hangs."""
    turn_id = None
    try:
        async with asyncio.timeout(TURN_S):
            async for entry in bench.log.follow(SESSION):
                match entry.event:
                    case e.TurnStarted(turn_id=begun, message_ids=ids) if message_id in ids:
                        turn_id = begun
                    case e.TurnEnded(outcome=outcome, answer=answer) as end:
                        if end.turn_id == turn_id:
                            return f"{outcome}: {answer}" if message_id == "m2" else str(outcome)
                    case _:
                        pass
    except TimeoutError:
        return None
    return None


async def all_of(folder: Path, times: int, moments: Iterable[str]) -> list[Trial]:
    """Try every fault at these moments, many at once: most of it is waiting."""
    room = asyncio.Semaphore(64)

    async def one(number: int, trial: Trial) -> Trial:
        async with room:
            return await tried(folder / str(number), trial)

    trials = [Trial(fault, moment, times) for moment in moments for fault in FAULTS]
    return await asyncio.gather(*(one(number, trial) for number, trial in enumerate(trials)))


ENDLESS = ("at the first answer", "after an edit", "in the summary of a compaction")


@pytest.mark.parametrize(("times", "moments"), [(1, tuple(MOMENTS)), (AGAIN, ENDLESS)])
async def test_no_fault_of_a_model_hangs_a_turn_or_spoils_a_session(
    tmp_path: Path, times: int, moments: tuple[str, ...]
):
    trials = await all_of(tmp_path, times, moments)

    hung = [str(trial) for trial in trials if "hung" in (trial.outcome, trial.second)]
    unusable = [str(trial) for trial in trials if trial.second != "completed: fine"]
    broken = [(str(trial), trial.problems) for trial in trials if trial.problems]
    outcomes = Counter(trial.outcome for trial in trials)
    print(  # noqa: T201 - the counts are what this is for
        f"\n{len(FAULTS)} faults × {len(moments)} moments, ×{times}: {len(trials)} turns, "
        f"{len(hung)} hung, {len(unusable)} sessions unusable; {dict(outcomes)}"
    )
    assert hung == []
    assert unusable == []
    assert broken == []


def test_the_faults_and_moments_are_at_least_as_many_as_promised():
    assert len(FAULTS) >= 12
    assert len(MOMENTS) >= 8
    assert {str(outcome) for outcome in TurnOutcome} >= {"completed", "failed", "cancelled"}
