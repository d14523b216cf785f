"""The worker keeps the conversation within the window, and records how."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jidoka.agent.model_calls import hash_of
from jidoka.agent.session import LiveSession
from jidoka.contract import events as e
from jidoka.contract.content import Limits, Usage
from jidoka.contract.errors import ContextOverflow, ProviderRefused
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.core.compaction import REQUEST, messages_of
from jidoka.core.context import assembled
from jidoka.core.pieces import Said
from jidoka.core.transcript import Transcript
from jidoka.tools.toolbox import Toolbox, builtin_tools
from tests.support.agent import Bench, ScriptedAnswers, asks, memory_bench

SMALL = Limits(context_tokens=12_000)
LONG = ("shell", '{"command": "seq 1 3000"}')


@dataclass
class Talker(ScriptedAnswers):
    """Answers by step, and to the request for a summary with `summary`."""

    summary: object = "What was said, in short."
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def complete(self, call: LlmCall, *, attach: bool = False) -> LlmAnswer:
        """Return the answer of this call."""
        if not call.quiet:
            return await super().complete(call, attach=attach)
        self.calls.append(call)
        self.attached.append(attach)
        self.was_asked.set()
        if isinstance(self.summary, Exception):
            raise self.summary
        if self.summary == "hang":
            await asyncio.Event().wait()
        usage = Usage(input_tokens=900, output_tokens=40)
        return LlmAnswer(call_id="", content=str(self.summary), usage=usage, cost_usd=0.01)

    @property
    def asked_for_summaries(self) -> list[LlmCall]:
        return [call for call in self.calls if call.quiet]


class ByStep(Talker):
    """Answers by the step of the call, whatever was asked between."""

    async def complete(self, call: LlmCall, *, attach: bool = False) -> LlmAnswer:
        """Return the answer of this step; an error only at its first attempt."""
        if call.quiet:
            return await super().complete(call, attach=attach)
        self.calls.append(call)
        answer = self.answers[min(call.step, len(self.answers)) - 1]
        if isinstance(answer, list):
            answer = answer[min(call.attempt, len(answer)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, LlmAnswer) else LlmAnswer(call_id="", content=answer)


def bench_of(
    root: Path, *answers: object, summary: object = "In short.", **options: object
) -> Bench:
    bench = memory_bench(root, **options)
    bench.model = ByStep(list(answers), summary=summary)  # pyright: ignore[reportArgumentType]
    return bench


def kinds(events: list[e.Event | e.UnknownEvent]) -> list[str]:
    return [event.name for event in events]


def only(events: list[e.Event | e.UnknownEvent], kind: type[e.Event]) -> list[e.Event]:
    return [event for event in events if isinstance(event, kind)]


async def ended(bench: Bench) -> list[e.Event | e.UnknownEvent]:
    await bench.open()
    async with bench.worker():
        await bench.until(e.TurnEnded)
    return await bench.events()


async def test_at_four_fifths_of_the_room_a_summary_takes_the_place_of_the_past(tmp_path: Path):
    bench = bench_of(tmp_path, asks(LONG), asks(LONG), asks(LONG), "done", limits=SMALL)

    events = await ended(bench)

    (first, *_) = only(events, e.ContextCompacted)
    assert isinstance(first, e.ContextCompacted)
    assert (first.reason, first.method, first.summary) == ("automatic", "summary", "In short.")
    assert first.tokens_after < first.tokens_before
    assert bench.model.calls[-1].messages[1]["content"].startswith("Summary of the conversation")
    assert "do it" in bench.model.calls[-1].messages[1]["content"]
    assert all(len(str(call.messages)) / 4 < 12_000 for call in bench.model.calls)
    assert only(events, e.TurnEnded)[0].outcome == "completed"  # type: ignore[attr-defined]


async def test_what_a_summary_costs_is_the_turns(tmp_path: Path):
    bench = bench_of(tmp_path, asks(LONG), asks(LONG), asks(LONG), "done", limits=SMALL)

    events = await ended(bench)

    summaries = len(only(events, e.ContextCompacted))
    (turn,) = only(events, e.TurnEnded)
    assert isinstance(turn, e.TurnEnded)
    assert turn.cost_usd == pytest.approx(0.01 * summaries)


@pytest.mark.parametrize(
    "summary", [ProviderRefused(provider="x", reason="no"), "  "], ids=["refused", "empty"]
)
async def test_without_a_summary_long_outputs_are_cut_and_the_turn_goes_on(
    tmp_path: Path, summary: object
):
    answers = (asks(LONG), asks(LONG), asks(LONG), "done")
    bench = bench_of(tmp_path, *answers, summary=summary, limits=SMALL)

    events = await ended(bench)

    (first, *_) = only(events, e.ContextCompacted)
    assert isinstance(first, e.ContextCompacted)
    assert (first.method, first.error is not None) == ("cut", True)
    assert first.tokens_after < first.tokens_before
    assert "characters were cut" in str(bench.model.calls[-1].messages)
    assert only(events, e.TurnEnded)[0].outcome == "completed"  # type: ignore[attr-defined]


async def test_what_a_provider_finds_too_long_is_compacted_and_asked_once_more(tmp_path: Path):
    too_long = ContextOverflow(tokens=9_000, window=8_000)
    short = ("shell", '{"command": "echo hello"}')
    bench = bench_of(tmp_path, asks(short), asks(short), [too_long, "done"])

    events = await ended(bench)

    assert only(events, e.TurnEnded)[0].outcome == "completed"  # type: ignore[attr-defined]
    told = [kind for kind in kinds(events) if kind.startswith(("llm.", "context.", "turn.e"))]
    assert told[-5:] == [
        "llm.failed",
        "context.compacted",
        "llm.requested",
        "llm.responded",
        "turn.ended",
    ]
    assert only(events, e.ContextCompacted)[0].reason == "overflow"  # type: ignore[attr-defined]


async def test_what_stays_too_long_ends_the_turn_with_the_numbers_and_the_session_goes_on(
    tmp_path: Path,
):
    too_long = ContextOverflow(tokens=9_000, window=8_000)
    bench = bench_of(tmp_path, [too_long, too_long, "never"])

    events = await ended(bench)

    (turn,) = only(events, e.TurnEnded)
    assert isinstance(turn, e.TurnEnded)
    assert (turn.outcome, turn.error and turn.error.code) == ("failed", "context_overflow")
    assert len(only(events, e.LlmFailed)) == 2


async def test_asked_for_it_is_done_and_nothing_to_do_is_told(tmp_path: Path):
    bench = bench_of(tmp_path, "hello")
    await bench.open()
    async with bench.worker():
        await bench.until(e.TurnEnded)
        await bench.write(e.ContextCompactionRequested(instructions="the name"))
        first = (await bench.until(e.ContextCompacted)).event
        await bench.write(e.ContextCompactionRequested())
        second = (await bench.until(e.ContextCompacted, 2)).event

    assert isinstance(first, e.ContextCompacted)
    assert isinstance(second, e.ContextCompacted)
    asked = bench.model.asked_for_summaries  # pyright: ignore[reportAttributeAccessIssue]
    assert (first.method, first.pieces, second.method) == ("summary", 2, "none")
    assert REQUEST in asked[0].messages[-1]["content"]
    assert "the name" in asked[0].messages[-1]["content"]
    assert asked[0].tools == ()


async def test_a_worker_that_takes_over_asks_for_the_same_summary_and_records_one(tmp_path: Path):
    bench = bench_of(tmp_path, "hello", summary="hang")
    model = bench.model
    assert isinstance(model, Talker)
    await bench.open()
    async with bench.worker():
        await bench.until(e.TurnEnded)
        await bench.write(e.ContextCompactionRequested())
        await model.was_asked.wait()
    model.summary = "In short."

    async with bench.worker(epoch=2):
        await bench.until(e.ContextCompacted)

    asked = model.asked_for_summaries
    assert len({call.call_id for call in asked}) == 1
    assert model.attached[-1]
    assert len(only(await bench.events(), e.ContextCompacted)) == 1


async def test_in_the_middle_of_a_turn_too_one_compaction_is_left_of_two_workers(tmp_path: Path):
    answers = (asks(LONG), asks(LONG), "done")
    bench = bench_of(tmp_path, *answers, summary="hang", limits=SMALL)
    model = bench.model
    assert isinstance(model, Talker)
    await bench.open()
    async with bench.worker():
        await model.was_asked.wait()
    model.summary = "In short."

    async with bench.worker(epoch=2):
        await bench.until(e.TurnEnded)

    asked = model.asked_for_summaries
    assert [call.call_id for call in asked] == [asked[0].call_id] * 2
    assert len(only(await bench.events(), e.ContextCompacted)) == 1


async def test_the_limit_of_messages_is_kept(tmp_path: Path):
    answers = (*(asks(("shell", f'{{"command": "echo {n}"}}')) for n in range(9)), "done")
    bench = bench_of(tmp_path, *answers, limits=Limits(history_messages=6))

    events = await ended(bench)

    session = LiveSession("s1")
    async for entry in bench.log.read("s1"):
        session.absorb(entry)
    assert len(only(events, e.ContextCompacted)) >= 2
    assert messages_of(session.transcript.items) <= 8
    for call in bench.model.calls:
        assert call.quiet or len(call.messages) <= 1 + 6 + 1
        assert not call.quiet or call.messages[-1]["content"].endswith(REQUEST)


async def test_where_no_summary_comes_it_is_not_asked_for_with_every_message(tmp_path: Path):
    answers = (*(asks(("shell", f'{{"command": "echo {n}"}}')) for n in range(9)), "done")
    refused = ProviderRefused(provider="x", reason="no")
    bench = bench_of(tmp_path, *answers, summary=refused, limits=Limits(history_messages=6))

    events = await ended(bench)

    tries = [event for event in events if isinstance(event, e.ContextCompacted)]
    assert {event.method for event in tries} == {"cut"}
    assert 2 <= len(tries) <= 5


async def test_the_conversation_that_was_cleared_meanwhile_stays_cleared(tmp_path: Path):
    bench = bench_of(tmp_path, "hello", summary="hang")
    model = bench.model
    assert isinstance(model, Talker)
    await bench.open()
    async with bench.worker():
        await bench.until(e.TurnEnded)
        await bench.write(e.ContextCompactionRequested())
        await model.was_asked.wait()
        await bench.write(e.ConversationCleared())
    model.summary = "In short."

    async with bench.worker(epoch=2):
        await bench.until(e.ContextCompacted)

    transcript = Transcript()
    async for entry in bench.log.read("s1"):
        transcript.add(entry)
    assert not [item for item in transcript.items if isinstance(item, Said)]


async def test_the_log_alone_gives_what_the_model_was_sent(tmp_path: Path):
    (tmp_path / "AGENTS.md").write_text("Use tabs.")
    (tmp_path / "a.py").write_text("x = 1\n")
    bench = bench_of(tmp_path, asks(("read", '{"path": "a.py"}')), "done")
    await bench.open()
    await bench.write(e.FileAdded(path="a.py"))
    async with bench.worker():
        await bench.until(e.TurnEnded)
    (tmp_path / "AGENTS.md").write_text("Use spaces.")

    events = await bench.events()

    requested = [event for event in events if isinstance(event, e.LlmRequested)]
    sent = bench.model.calls[0].messages[0]["content"]
    assert [(s.kind, s.path) for s in requested[0].sources] == [
        ("note", "AGENTS.md"),
        ("index", "."),
        ("file", "a.py"),
    ]
    assert requested[1].sources == ()
    assert "Use tabs." in sent
    assert '<file path="a.py">\nx = 1' in sent
    assert all(
        len(event.context_hash) == 64 and event.context_tokens
        for event in events
        if isinstance(event, e.LlmResponded)
    )


async def test_what_the_model_was_sent_follows_from_the_log_to_the_byte(tmp_path: Path):
    (tmp_path / "AGENTS.md").write_text("Use tabs.")
    answers = (asks(LONG), asks(LONG), asks(("todo", '{"items": []}')), asks(LONG), "done")
    bench = bench_of(tmp_path, *answers, limits=SMALL)
    await ended(bench)
    specs = Toolbox(builtin_tools()).specs_for_model()
    session, given, said = LiveSession("s1"), [], []

    async for entry in bench.log.read("s1"):
        if isinstance(entry.event, e.LlmResponded):
            given.append(hash_of(assembled(session.state, session.transcript, specs)))
            said.append(entry.event.context_hash)
        session.absorb(entry)

    assert len(said) == len(answers)
    assert given == said


async def test_an_active_file_counts_as_read(tmp_path: Path):
    (tmp_path / "a.py").write_text("x = 1\n")
    write = ("write", '{"path": "a.py", "content": "x = 2\\n"}')
    bench = bench_of(tmp_path, asks(write), "done")
    await bench.open()
    await bench.write(e.FileAdded(path="a.py"))

    async with bench.worker():
        await bench.until(e.TurnEnded)

    assert len(only(await bench.events(), e.ToolCompleted)) == 1
    assert (tmp_path / "a.py").read_text() == "x = 2\n"


async def test_the_list_of_what_is_to_be_done_is_an_event_once_and_the_session_gets_a_title(
    tmp_path: Path,
):
    items = '{"items": [{"text": "look", "status": "completed"}]}'
    bench = bench_of(tmp_path, asks(("todo", items)), asks(("todo", items)), "done")
    await bench.open("Mend the test\nplease")
    async with bench.worker():
        titled = (await bench.until(e.SessionTitled)).event

    events = await bench.events()

    assert titled == e.SessionTitled(title="Mend the test")
    assert [event.items[0].text for event in events if isinstance(event, e.TodoUpdated)] == ["look"]
    assert "[x] look" in bench.model.calls[-1].messages[0]["content"]


async def test_a_renamed_session_gets_no_title_by_rule(tmp_path: Path):
    bench = bench_of(tmp_path, "done")
    await bench.open()
    await bench.write(e.SessionRenamed(session_name="Cart"))
    async with bench.worker():
        await bench.until(e.TurnEnded)
        await bench.write(e.MessageAccepted(message_id="m2", content="and now?"))
        await bench.until(e.TurnEnded, 2)

    events = await bench.events()

    assert only(events, e.SessionTitled) == []
