"""How soon a session is there, and what it weighs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import psutil

from jidoka.contract import events as e
from tests.benchmarks.results import Figure, p50
from tests.support.system import Stack

SESSIONS = 40
IMPORTS = 3
LIVE = 200
MIB = 1024 * 1024
IMPORT_LITELLM = "import os; os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'; import litellm"


async def _ready(stack: Stack) -> tuple[float, str]:
    began = time.perf_counter()
    session_id = await stack.create("words-3")
    await stack.live(session_id)
    return (time.perf_counter() - began) * 1e3, session_id


def _fresh_process_ms() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORT_LITELLM], check=True)
    return (time.perf_counter() - began) * 1e3


async def test_a_session_is_ready(stack, record):
    for _ in range(3):
        await _ready(stack)

    times = [(await _ready(stack))[0] for _ in range(SESSIONS)]
    fresh = [await asyncio.to_thread(_fresh_process_ms) for _ in range(IMPORTS)]

    record += [
        Figure("session ready, p50", p50(times), "ms", 25, 15),
        Figure(
            "fresh process that imports litellm / session ready",
            p50(fresh) / p50(times),
            "times",
            100,
            more_is_better=True,
        ),
    ]


async def test_what_a_worker_weighs(stack, record):
    sessions = [(await _ready(stack))[1] for _ in range(10)]
    await asyncio.sleep(2)
    idle = [worker.memory_full_info().uss / MIB for worker in stack.workers()]
    for nth in (1, 2, 3):
        for session_id in sessions:
            await stack.client.send_message(session_id, "say something")
            await stack.until(session_id, e.TurnEnded, nth)
    used = [worker.memory_full_info().uss / MIB for worker in stack.workers()]

    record += [
        Figure("idle live worker, USS p50", p50(idle), "MiB", 6, 5),
        Figure("worker after three model calls, USS p50", p50(used), "MiB", 10),
    ]


async def test_what_all_programs_weigh(stack, record):
    session_id = await stack.create("words-3")
    await stack.client.send_message(session_id, "load litellm")
    await stack.until(session_id, e.TurnEnded)
    await stack.client.close_session(session_id)
    await asyncio.sleep(3)

    weights = {name: _pss(process) for name, process in stack.processes().items()}
    zygotes = sum(_pss(child) for child in stack.processes()["agent-host"].children())

    for name, weight in {**weights, "zygote": zygotes}.items():
        record.append(Figure(f"  {name}, PSS", weight, "MiB"))
    total = sum(weights.values()) + zygotes
    record.append(Figure("all programs idle, litellm loaded, PSS", total, "MiB", 450, 350))


async def test_200_live_sessions(stack, record):
    began = time.perf_counter()
    sessions = [await stack.create("words-3") for _ in range(LIVE)]
    for session_id in sessions:
        await stack.live(session_id)
    seconds = time.perf_counter() - began
    workers = len(stack.workers())
    asked = time.perf_counter()
    await asyncio.gather(*(stack.client.send_message(s, "say something") for s in sessions))
    for session_id in sessions:
        await stack.until(session_id, e.TurnEnded)
    answered = time.perf_counter() - asked

    record += [
        Figure("live sessions at once", workers, "", LIVE, more_is_better=True),
        Figure("sessions made ready a second", LIVE / seconds, "1/s"),
        Figure("all 200 answered in", answered, "s"),
    ]


def _pss(process: psutil.Process) -> float:
    return process.memory_full_info().pss / MIB
