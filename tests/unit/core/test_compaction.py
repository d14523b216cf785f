"""Compaction: what of a conversation, and what it becomes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import events as e
from jidoka.contract.content import Limits, PastEvent, ToolCall, Usage
from jidoka.core.compaction import has_too_many, is_too_long, messages_of, planned, told
from jidoka.core.context import room_of
from jidoka.core.pieces import SUMMARY, Answered, Said
from jidoka.core.session import fold
from jidoka.core.titles import title_of
from jidoka.core.transcript import Transcript
from jidoka.core.turn import next_effects
from tests.support.entries import LogWriter
from tests.unit.core.test_context import CONVERSATIONS, STATE, is_accepted, limited, talked, turn

REASONS = st.sampled_from(["automatic", "overflow", "asked"])
METHODS = st.sampled_from(["summary", "cut"])


def event_of(plan, method: str = "summary") -> e.ContextCompacted:
    event = e.ContextCompacted(reason="asked", method=method, through=plan.through)
    said = {"summary": {"summary": "what was said", "call_id": "t9-c0"}, "cut": {"cut_to": 200}}
    return event.model_copy(update=said[method])


def after(transcript: Transcript, event: e.ContextCompacted) -> Transcript:
    """Return the transcript with one more event; the given one stays as it is."""
    entry = LogWriter().write("s1", event)[0]
    other = Transcript(list(transcript.items), {}, transcript.briefing)
    other.add(entry)
    return other


@given(CONVERSATIONS, st.integers(1_500, 30_000), REASONS, METHODS)
def test_a_compacted_conversation_is_accepted_smaller_and_knows_the_task(
    conversation, window, reason, method
):
    transcript = talked(conversation)
    room = room_of(limited(window), transcript.briefing)
    plan = planned(transcript.items, room, reason)
    if plan is None:
        return

    compacted = after(transcript, event_of(plan, method))

    messages = ({"role": "system", "content": "so"}, *compacted.messages())
    users = "".join(m["content"] for m in messages if m["role"] == "user")
    kept = len(transcript.items) - len(plan.pieces)
    assert is_accepted(messages)
    assert f"task {len(conversation) - 1} " in users
    assert compacted.items[len(compacted.items) - kept :] == transcript.items[len(plan.pieces) :]
    assert sum(i.tokens for i in compacted.items) <= sum(i.tokens for i in transcript.items) + 60


@given(CONVERSATIONS, st.integers(1_500, 30_000), METHODS)
def test_the_same_compaction_twice_is_one(conversation, window, method):
    transcript = talked(conversation)
    plan = planned(transcript.items, room_of(limited(window), transcript.briefing), "automatic")
    if plan is None:
        return
    event = event_of(plan, method)

    once = after(transcript, event)
    twice = after(once, event)

    assert once.messages() == twice.messages()


def test_what_was_cleared_meanwhile_does_not_come_back():
    transcript = talked([(10, [20])])
    plan = planned(transcript.items, room_of(STATE, transcript.briefing), "asked")
    assert plan
    transcript.items.clear()

    compacted = after(transcript, event_of(plan))

    assert compacted.items == []


def test_when_asked_all_but_the_last_turn_is_summed_up_and_a_lone_turn_whole():
    two, one = talked([(10, [20]), (10, [20])]), talked([(10, [20])])
    room = room_of(STATE, two.briefing)

    plans = planned(two.items, room, "asked"), planned(one.items, room, "asked")

    assert [plan and plan.through for plan in plans] == ["t0-2", "t0-2"]
    assert [len(plan.pieces) for plan in plans if plan] == [3, 3]


def test_a_summary_is_not_summed_up_alone():
    transcript = Transcript()
    transcript.items.append(Said.by("user", "Summary: so far", "c0", SUMMARY))
    room = room_of(STATE, transcript.briefing)

    plan = planned(transcript.items, room, "asked")

    assert plan is None


def test_it_is_due_at_four_fifths_of_the_room_or_at_the_limit_of_messages():
    transcript = talked([(10, [20] * 3)])
    state = limited(10_000)
    room = room_of(state, transcript.briefing)
    few = replace(STATE, limits=Limits(history_messages=4))

    due = [is_too_long(room, size) for size in (5_999, 6_000)]

    assert room.ruled == 7_500
    assert due == [False, True]
    assert has_too_many(few, transcript)
    assert not has_too_many(state, transcript)


def test_at_the_limit_of_messages_half_of_them_stay():
    transcript = talked([(10, [20] * 4)] * 3)
    room = room_of(STATE, transcript.briefing)

    plan = planned(transcript.items, room, "automatic", 10)

    assert planned(transcript.items, room, "automatic") is None
    assert plan
    kept = transcript.items[len(plan.pieces) :]
    assert messages_of(transcript.items) == 3 * (1 + 4 * 3 + 1)
    assert messages_of(kept) == 4


@given(CONVERSATIONS, st.integers(2, 30))
def test_by_messages_too_no_call_is_parted_from_its_result(conversation, most):
    transcript = talked(conversation)
    plan = planned(transcript.items, room_of(STATE, transcript.briefing), "automatic", most)
    if plan is None:
        return

    compacted = after(transcript, event_of(plan))

    kept = transcript.items[len(plan.pieces) :]
    assert is_accepted(({"role": "system", "content": "so"}, *compacted.messages()))
    assert messages_of(kept) <= most // 2 or len(kept) == 1


def test_a_short_answer_with_many_calls_is_many_messages():
    calls = tuple(ToolCall(call_id=f"c{n}", tool="read", arguments="{}") for n in range(6))
    answer = e.LlmResponded(turn_id="t", call_id="l", step=1, model="m", tool_calls=calls)
    transcript = Transcript([Said.by("user", "go", "m1", "t"), Answered.of(answer)])

    few, enough = (replace(STATE, limits=Limits(history_messages=n)) for n in (7, 8))

    assert has_too_many(few, transcript)
    assert not has_too_many(enough, transcript)


def test_the_writer_of_the_summary_reads_plain_text_that_fits():
    transcript = talked([(5_000, [6_000] * 4)] * 5)
    room = room_of(limited(8_000), transcript.briefing)
    plan = planned(transcript.items, room, "automatic")
    assert plan

    messages = told(plan, "the name of the test", room)

    assert [message["role"] for message in messages] == ["system", "user"]
    assert "Above all keep: the name of the test" in messages[1]["content"]
    assert len(messages[1]["content"]) / 4 < room.ruled
    assert any(isinstance(piece, Answered) for piece in plan.pieces)


def test_what_a_summary_costs_is_counted_in_its_turn_or_beside_all_turns():
    born = [e.SessionCreated(session_name="a", project_path="/p", llm=STATE.llm)]
    paid = e.ContextCompacted(
        turn_id="t1",
        reason="automatic",
        method="summary",
        usage=Usage(input_tokens=100, output_tokens=7),
        cost_usd=0.5,
    )
    started = turn(1, 10, [])[:2]

    inside = fold(LogWriter().write("s1", *born, *started, paid))
    beside = fold(LogWriter().write("s1", *born, paid.model_copy(update={"turn_id": None})))

    assert inside.turn
    assert (inside.turn.usage, inside.turn.cost_usd, inside.totals.usage) == (
        Usage(input_tokens=100, output_tokens=7),
        0.5,
        None,
    )
    assert (beside.totals.usage, beside.totals.cost_usd) == (inside.turn.usage, 0.5)


def test_asked_for_it_is_done_between_turns_and_before_the_next_call_never_during_one():
    asked = e.ContextCompactionRequested(instructions="names")
    born = [
        e.SessionCreated(session_name="a", project_path="/p", llm=STATE.llm),
        e.WorkerAssigned(host="h", epoch=1),
    ]
    started = turn(1, 10, [])[:2]
    request = e.LlmRequested(turn_id="t1", call_id="t1-1", step=1, model="m")

    wanted = [
        [type(effect).__name__ for effect in next_effects(fold(log), 1, {})]
        for log in (
            LogWriter().write("s1", *born, asked),
            LogWriter().write("s1", *born, *started, asked),
            LogWriter().write("s1", *born, *started, request, asked),
        )
    ]

    assert wanted == [["Compact"], ["Compact"], ["CallModel"]]


def test_a_session_that_goes_on_with_a_history_has_its_compaction_and_its_files():
    log = LogWriter()
    told_there = [
        *turn(1, 10, [20]),
        e.FileAdded(path="a.py"),
        e.ContextCompacted(
            reason="asked", method="summary", through="t1-2", call_id="c0", summary="all of it"
        ),
    ]
    history = tuple(PastEvent(name=o.name, data=o.model_dump(mode="json")) for o in told_there)
    born = e.SessionForked(
        session_name="a",
        project_path="/p",
        llm=STATE.llm,
        history=history,
        forked_from="s0",
        at=9,
        source_hash="0" * 64,
    )
    entries = log.write("s1", born)
    transcript = Transcript()
    for entry in entries:
        transcript.add(entry)

    state = fold(entries)

    assert state.attention.files == ("a.py",)
    assert state.attention.title.startswith("task 1")
    assert "all of it" in transcript.messages()[0]["content"]


def test_a_title_is_the_first_line_that_says_something_at_most_60_characters():
    titles = [
        title_of("\n---\n  Mend   the test  \nplease"),
        title_of("word " * 40),
        title_of("x" * 100),
        title_of("?!"),
    ]

    assert titles[0] == "Mend the test"
    assert all(len(title) <= 60 for title in titles)
    assert titles[1].endswith("word…")
    assert titles[2] == "x" * 59 + "…"
    assert not titles[3]
