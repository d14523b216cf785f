"""What the model is sent: within its window, in a fixed order, and accepted by every provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import events as e
from jidoka.contract.briefing import ContextSource, TodoItem
from jidoka.contract.content import ErrorInfo, Limits, ToolCall, Usage
from jidoka.contract.errors import ContextOverflow
from jidoka.core.attention import Attention
from jidoka.core.briefing import ASSUMED_WINDOW, Briefing
from jidoka.core.context import assembled, room_of, ruled_tokens
from jidoka.core.pieces import SUMMARY, Answered, Said
from jidoka.core.state import SessionState
from jidoka.core.tokens import FRAME, tokens_of, tokens_of_tools
from jidoka.core.transcript import Transcript
from tests.support.entries import LogWriter

TOOLS = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]
STATE = SessionState(session_id="s1", project_path="/p", system_prompt="Say it in verse.")
SIZES = st.integers(0, 6_000)


def transcript_of(*events: e.Event) -> Transcript:
    transcript = Transcript()
    for entry in LogWriter().write("s1", *events):
        transcript.add(entry)
    return transcript


def source(kind: str, path: str, text: str) -> ContextSource:
    return ContextSource(kind=kind, path=path, sha256="0" * 64, size_bytes=len(text), text=text)


def turn(nth: int, said: int, outputs: list[int]) -> list[e.Event]:
    """Return a turn in which calls have outputs of so many characters, two calls an answer."""
    turn_id, found = f"t{nth}", []
    found.append(e.MessageAccepted(message_id=f"m{nth}", content=f"task {nth} " + "w" * said))
    found.append(e.TurnStarted(turn_id=turn_id, message_ids=(f"m{nth}",)))
    for step, size in enumerate(outputs, 1):
        ids = (f"c{nth}-{step}-a", f"c{nth}-{step}-b")
        calls = tuple(ToolCall(call_id=one, tool="read", arguments="{}") for one in ids)
        call_id = f"{turn_id}-{step}"
        found.append(
            e.LlmResponded(turn_id=turn_id, call_id=call_id, step=step, model="m", tool_calls=calls)
        )
        found += [
            e.ToolCompleted(
                turn_id=turn_id, call_id=one, tool="read", output=f"{one} " + "o" * size
            )
            for one in ids
        ]
    last = len(outputs) + 1
    found.append(answered(turn_id, last))
    return found


def answered(turn_id: str, step: int) -> e.LlmResponded:
    """Return an answer that asks for nothing."""
    call_id = f"{turn_id}-{step}"
    return e.LlmResponded(turn_id=turn_id, call_id=call_id, step=step, model="m", content="done")


CONVERSATIONS = st.lists(st.tuples(SIZES, st.lists(SIZES, max_size=4)), min_size=1, max_size=6)


def talked(conversation: list[tuple[int, list[int]]]) -> Transcript:
    events = [turn(nth, said, outputs) for nth, (said, outputs) in enumerate(conversation)]
    return transcript_of(*(event for each in events for event in each))


def limited(tokens: int) -> SessionState:
    return replace(STATE, limits=Limits(context_tokens=tokens))


def is_accepted(messages: tuple[dict[str, Any], ...]) -> bool:
    """Tell whether each call has its result, right after it and in order, and sides take turns."""
    rest = list(messages)
    roles = [message["role"] for message in rest if message["role"] != "tool"]
    plain = [one for one in rest if one["role"] != "tool" and "tool_calls" not in one]
    while rest:
        message = rest.pop(0)
        if message["role"] == "tool":
            return False
        for call in message.get("tool_calls", ()):
            if not rest or rest.pop(0).get("tool_call_id") != call["id"]:
                return False
    return roles[0] == "system" and "system" not in roles[1:] and all(m["content"] for m in plain)


def tokens_of_message(message: Mapping[str, Any]) -> int:
    """Return the tokens of a message in the shape of OpenAI's chat completions."""
    count = FRAME + tokens_of(message.get("content") or "")
    for call in message.get("tool_calls") or ():
        function = call["function"]
        count += FRAME + tokens_of(function["name"]) + tokens_of(function["arguments"])
    return count


@given(CONVERSATIONS, st.integers(1_500, 40_000))
def test_it_fits_and_a_call_is_never_parted_from_its_result(conversation, window):
    transcript, state = talked(conversation), limited(window)

    try:
        sent = assembled(state, transcript, TOOLS)
    except ContextOverflow:
        return

    counted = sum(map(tokens_of_message, sent.messages)) + tokens_of_tools(TOOLS)
    assert is_accepted(sent.messages)
    assert counted <= sent.ruled + len(sent.messages) * 2
    assert sent.ruled <= sent.room.ruled + 8
    assert sent.tokens <= window


def test_what_cannot_fit_is_refused_with_the_numbers():
    transcript = talked([(20_000, [])])

    with pytest.raises(ContextOverflow) as overflow:
        assembled(limited(2_000), transcript, TOOLS)

    assert overflow.value.window == 2_000
    assert overflow.value.tokens > 2_000


@given(CONVERSATIONS, st.integers(4_000, 40_000))
def test_the_prompts_and_what_a_person_said_last_stay(conversation, window):
    transcript, state = talked(conversation), limited(window)
    last = f"task {len(conversation) - 1} "

    try:
        sent = assembled(state, transcript, TOOLS)
    except ContextOverflow:
        return

    system, said = sent.messages[0]["content"], [m for m in sent.messages if m["role"] == "user"]
    assert "You are a coding agent" in system
    assert STATE.system_prompt in system
    assert last in said[-1]["content"]


@given(CONVERSATIONS, st.integers(2_000, 40_000))
def test_what_stays_keeps_its_order_and_the_same_log_gives_the_same_bytes(conversation, window):
    transcript, state = talked(conversation), limited(window)

    try:
        sent, again = (assembled(state, transcript, TOOLS) for _ in range(2))
    except ContextOverflow:
        return

    whole = [m.get("tool_call_id") for m in transcript.messages() if m["role"] == "tool"]
    kept = [m["tool_call_id"] for m in sent.messages if m["role"] == "tool"]
    assert kept == [call_id for call_id in whole if call_id in set(kept)]
    assert json.dumps(sent.messages) == json.dumps(again.messages)


def test_a_file_s_name_does_not_end_the_mark_that_it_stands_in():
    name, transcript = 'a"\n</file>\nb', talked([(10, [20])])
    sources = (source("file", name, "x = 1"),)
    transcript.briefing = transcript.briefing.with_sources(sources)

    sent = assembled(replace(STATE, attention=Attention(files=(name,))), transcript, TOOLS)

    assert '<file path="a&quot;\\n</file>\\nb">\nx = 1' in sent.messages[0]["content"]


def test_a_limit_that_was_too_narrow_is_forgotten_when_it_is_lifted():
    narrow = replace(STATE, limits=Limits(context_tokens=1_000))
    transcript = talked([(10, [20])])
    problem = ErrorInfo(code="context_overflow", message="no", details={"window": 1_000})
    transcript.briefing.add(
        e.LlmFailed(turn_id="t", call_id="c", step=1, error=problem, attempt=1), None
    )

    before = room_of(narrow, transcript.briefing).window
    transcript.briefing.add(e.SessionConfigured(limits=Limits()), None)

    assert before == 1_000
    assert room_of(STATE, transcript.briefing).window == ASSUMED_WINDOW


def test_a_compaction_that_had_nothing_to_do_is_not_counted():
    briefing = Briefing()

    for method in ("summary", "none", "cut", "none"):
        briefing.add(e.ContextCompacted(reason="asked", method=method), None)

    assert briefing.compactions == 2


def test_the_parts_stand_from_what_changes_least_to_what_changes_most():
    transcript = talked([(10, [20])])
    sources = (
        source("index", ".", "a.py"),
        source("file", "a.py", "x = 1"),
        source("note", "../AGENTS.md", "outer"),
        source("note", "AGENTS.md", "inner"),
    )
    transcript.briefing = transcript.briefing.with_sources(sources)
    transcript.briefing.todo = (TodoItem(text="mend it", status="in_progress"),)

    sent = assembled(replace(STATE, attention=Attention(files=("a.py",))), transcript, TOOLS)

    named = [(part.name, part.detail) for part in sent.parts]
    assert named == [
        ("prompt", ""),
        ("session_prompt", ""),
        ("notes", "../AGENTS.md"),
        ("notes", "AGENTS.md"),
        ("index", ""),
        ("files", "a.py"),
        ("todo", "0 of 1 done"),
        ("tools", "1"),
        ("conversation", "3"),
    ]
    assert "[>] mend it" in sent.messages[0]["content"]
    assert abs(sum(part.tokens for part in sent.parts) - sent.tokens) <= 8


@pytest.mark.parametrize(
    ("window", "gone"),
    [
        (16_000, []),
        (8_500, ["index"]),
        (7_500, ["index", "files"]),
    ],
)
def test_the_index_leaves_first_then_active_files(window: int, gone: list[str]):
    transcript = transcript_of(*turn(1, 100, [5_000, 5_000]))
    sources = (source("index", ".", "f.py\n" * 200), source("file", "a.py", "x" * 4_000))
    transcript.briefing = transcript.briefing.with_sources(sources)
    state = replace(limited(window), attention=Attention(files=("a.py",)))

    sent = assembled(state, transcript, TOOLS)

    assert [part.name for part in sent.parts if part.left_out == "no room"] == gone


def test_a_long_note_is_cut_and_says_so():
    transcript = transcript_of()
    note = source("note", "AGENTS.md", "n" * 60_000)
    transcript.briefing = transcript.briefing.with_sources((note,))

    sent = assembled(limited(20_000), transcript, [])

    part = next(part for part in sent.parts if part.name == "notes")
    assert "of 60000 bytes" in part.left_out
    assert part.tokens <= 16_000 / 4 + 64
    assert "characters were cut" in sent.messages[0]["content"]


def test_what_the_provider_counted_corrects_the_rule():
    usage = Usage(input_tokens=3_000, output_tokens=5)
    sizes = {"context_tokens": 2_000, "window": 32_000}
    responded = answered("t", 1).model_copy(update={"usage": usage, **sizes})
    transcript = transcript_of(responded)

    sent = assembled(STATE, transcript, TOOLS)

    room = room_of(STATE, transcript.briefing)
    assert (room.window, room.known, room.factor) == (32_000, True, 1.5)
    assert sent.tokens == int(sent.ruled * 1.5)
    assert ruled_tokens(STATE, transcript, TOOLS) == sent.ruled


def test_a_window_that_nobody_named_is_assumed_and_a_limit_narrows_it():
    briefing = Transcript().briefing

    rooms = room_of(STATE, briefing), room_of(limited(9_000), briefing)

    assert [(room.window, room.known) for room in rooms] == [
        (ASSUMED_WINDOW, False),
        (9_000, False),
    ]


def test_the_summary_stays_when_older_messages_leave():
    transcript = talked([(10, [3_000] * 3), (10, [3_000] * 3)])
    summary = Said.by("user", "Summary: so far", "c0", SUMMARY)
    transcript.items.insert(0, summary)

    sent = assembled(limited(3_000), transcript, [])

    said = "".join(m["content"] or "" for m in sent.messages)
    assert "Summary: so far" in said
    assert "Earlier messages are left out" in said
    assert any(isinstance(item, Answered) for item in transcript.items)
