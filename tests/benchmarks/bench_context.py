"""How long it takes to assemble what the model is sent, and what is read for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from jidoka.agent.model_calls import hash_of
from jidoka.agent.reading import Reading
from jidoka.contract import events as e
from jidoka.contract.briefing import ContextSource
from jidoka.contract.content import Limits, ToolCall
from jidoka.core.attention import Attention
from jidoka.core.briefing import Briefing
from jidoka.core.context import assembled
from jidoka.core.state import SessionState
from jidoka.core.transcript import Transcript
from jidoka.tools.toolbox import Toolbox, builtin_tools
from tests.benchmarks.results import Figure, p50, p95
from tests.support.entries import LogWriter

MESSAGES = 2_000
ROUNDS = 50
SPECS = Toolbox(builtin_tools()).specs_for_model()


def session_of(messages: int) -> Transcript:
    """Return a conversation of so many messages: a person's word, calls with their results."""
    transcript, log = Transcript(), LogWriter()
    for nth in range(messages // 4):
        turn_id, step = f"t{nth // 10}", nth % 10 + 1
        call_id = f"c{nth}"
        call = ToolCall(call_id=call_id, tool="read", arguments='{"path": "src/cart.py"}')
        said = [
            e.MessageAccepted(message_id=f"m{nth}", content="Look at the next file, please. " * 4),
            e.TurnStarted(turn_id=turn_id, message_ids=(f"m{nth}",)),
            e.LlmResponded(
                turn_id=turn_id, call_id=f"a{nth}", step=step, model="m", tool_calls=(call,)
            ),
            e.ToolCompleted(turn_id=turn_id, call_id=call_id, tool="read", output="line\n" * 200),
            e.LlmResponded(
                turn_id=turn_id, call_id=f"b{nth}", step=step + 1, model="m", content="So it is."
            ),
        ]
        for entry in log.write("s1", *said):
            transcript.add(entry)
    return transcript


def measured(work: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    """Return how long each of many runs took, in ms by that clock."""
    work()
    times: list[float] = []
    for _ in range(ROUNDS):
        began = clock()
        work()
        times.append((clock() - began) * 1e3)
    return times


def test_assembling_a_long_session(record):
    transcript = session_of(MESSAGES)
    whole = SessionState(project_path="/p", limits=Limits(context_tokens=1_000_000))
    transcript.briefing.window = 1_000_000
    narrow = SessionState(project_path="/p", limits=Limits(context_tokens=60_000))
    sent = assembled(whole, transcript, SPECS)
    assert len(sent.messages) == MESSAGES + 1

    wall = measured(lambda: assembled(whole, transcript, SPECS), time.perf_counter)
    cpu = measured(lambda: assembled(whole, transcript, SPECS), time.process_time)
    cut = measured(lambda: assembled(narrow, transcript, SPECS), time.process_time)
    hashed = measured(lambda: hash_of(sent), time.process_time)

    # the gate is on processor time: a busy neighbour makes none of it longer
    record += [
        Figure("context of 2,000 messages, p50", p50(wall), "ms"),
        Figure("  processor time of it, p50", p50(cpu), "ms", 20),
        Figure("  processor time of it, p95", p95(cpu), "ms"),
        Figure("  processor time, cut to 60,000 tokens, p50", p50(cut), "ms", 20),
        Figure("  processor time of its hash (0.6 MB), p50", p50(hashed), "ms"),
    ]


async def test_reading_what_stands_beside_the_conversation(record, tmp_path: Path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "AGENTS.md").write_text("note\n" * 100)
    for folder in range(50):
        (tmp_path / f"folder{folder}").mkdir()
        for file in range(40):
            (tmp_path / f"folder{folder}/file{file}.py").write_text("x = 1\n")
    state = SessionState(
        project_path=str(tmp_path), attention=Attention(files=("folder0/file0.py",))
    )
    now, briefing = datetime.now(UTC), Briefing()
    first: list[float] = []
    found: tuple[ContextSource, ...] = ()
    for _ in range(10):
        began = time.perf_counter()
        found = await Reading(str(tmp_path), lambda: now).changes(state, Briefing())
        first.append((time.perf_counter() - began) * 1e3)
    reading = Reading(str(tmp_path), lambda: now)
    briefing = briefing.with_sources(await reading.changes(state, briefing))
    briefing.indexed_at = now

    again: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        assert await reading.changes(state, briefing) == ()
        again.append((time.perf_counter() - began) * 1e3)

    assert [source.kind for source in found] == ["note", "index", "file"]
    record += [
        Figure("notes, index of 2,000 files, a file: first, p50", p50(first), "ms"),
        Figure("the same, nothing changed, p50", p50(again), "ms", 1),
    ]
