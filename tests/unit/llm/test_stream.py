"""A provider's stream, folded into one answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract.content import LlmConfig, Usage
from jidoka.contract.errors import ProviderBadAnswer, ProviderRefused
from jidoka.contract.internal import LlmCall
from jidoka.llm.pieces import CallPart, Declined, Finish, Piece, Reasoning, Spent, Text
from jidoka.llm.stream import MAX_ANSWER_CHARS, MAX_CALLS, Folding, fold

CALL = LlmCall(
    call_id="0199a1b2-0000-7000-8000-00000000c0de",
    session_id="s1",
    turn_id="t1",
    epoch=1,
    llm=LlmConfig(model="openai/x"),
    tools=({"type": "function", "function": {"name": "read"}},),
)
STOP = Finish("stop")


def calls_of(*pieces: Piece) -> list[tuple[str, str]]:
    """Return tool and arguments of each call in the answer."""
    return [(call.tool, call.arguments) for call in fold([*pieces, STOP], CALL).tool_calls]


def test_text_reasoning_usage_and_cost_are_put_together():
    usage = Usage(input_tokens=3, output_tokens=2)

    answer = fold(
        [Reasoning("so "), Reasoning("be it"), Text("Hel"), Text("lo"), Spent(usage, 0.5), STOP],
        CALL,
        model="openai/x",
    )

    assert (answer.content, answer.reasoning) == ("Hello", "so be it")
    assert (answer.usage, answer.cost_usd, answer.model) == (usage, 0.5, "openai/x")
    assert answer.finish_reason == "stop"


def test_thoughts_that_a_server_left_in_the_text_are_set_apart():
    answer = fold([Text("\n<think>\nlet me "), Text("see</think>\n\nIt is 4."), STOP], CALL)

    assert (answer.content, answer.reasoning) == ("It is 4.", "let me see")


def test_usage_that_is_missing_stays_unknown():
    answer = fold([Text("hi"), STOP], CALL)

    assert answer.usage is None
    assert answer.cost_usd is None


def test_parallel_calls_in_interleaved_pieces_are_told_apart_by_their_index():
    found = calls_of(
        CallPart(0, "call_aaaa", "read", '{"a"'),
        CallPart(1, "call_bbbb", "grep", '{"b"'),
        CallPart(0, arguments=":1}"),
        CallPart(1, arguments=":2}"),
    )

    assert found == [("read", '{"a":1}'), ("grep", '{"b":2}')]


def test_two_calls_under_one_index_are_told_apart_by_their_ids():
    found = calls_of(
        CallPart(0, "call_aaaa", "read", '{"a":1}'), CallPart(0, "call_bbbb", "read", '{"a":2}')
    )

    assert found == [("read", '{"a":1}'), ("read", '{"a":2}')]


def test_calls_without_an_index_are_told_apart_by_their_names():
    found = calls_of(
        CallPart(None, None, "read", '{"a":'),
        CallPart(None, None, None, "1}"),
        CallPart(None, None, "grep", "{}"),
    )

    assert found == [("read", '{"a":1}'), ("grep", "{}")]


def test_a_name_that_every_piece_repeats_stays_one_name():
    found = calls_of(
        CallPart(0, "call_aaaa", "read", '{"a":'), CallPart(0, "call_aaaa", "read", "1}")
    )

    assert found == [("read", '{"a":1}')]


def test_a_name_that_comes_in_pieces_is_joined():
    found = calls_of(CallPart(0, "call_aaaa", "re"), CallPart(0, None, "ad", "{}"))

    assert found == [("read", "{}")]


def test_a_call_that_is_said_twice_is_made_once():
    same = CallPart(0, "call_aaaa", "read", '{"a":1}')
    again = CallPart(1, "call_aaaa", "read", '{"a":1}')

    assert calls_of(same, again) == [("read", '{"a":1}')]


def test_arguments_that_are_sent_twice_are_taken_once():
    found = calls_of(CallPart(0, "call_aaaa", "read", '{"a":1}'), CallPart(0, arguments='{"a":1}'))

    assert found == [("read", '{"a":1}')]


def test_a_call_without_arguments_has_an_empty_object():
    assert calls_of(CallPart(0, "call_aaaa", "read")) == [("read", "{}")]


def test_arguments_that_are_no_json_reach_the_worker_as_they_are():
    found = calls_of(CallPart(0, "call_aaaa", "read", '{"path": "a.txt'))

    assert found == [("read", '{"path": "a.txt')]


def test_an_id_that_the_conversation_has_seen_is_replaced():
    earlier = {"role": "assistant", "tool_calls": [{"id": "call_aaaa"}]}
    call = CALL.model_copy(update={"messages": (earlier,)})

    answer = fold([CallPart(0, "call_aaaa", "read", "{}"), STOP], call)

    assert answer.tool_calls[0].call_id == f"{CALL.call_id}-1"


@pytest.mark.parametrize("given_id", ["", "call_0", "with space", "x" * 65, "a.b.c.d.e"])
def test_an_id_that_is_no_good_is_replaced(given_id: str):
    answer = fold([CallPart(0, given_id, "read", "{}"), STOP], CALL)

    assert answer.tool_calls[0].call_id == f"{CALL.call_id}-1"


def test_two_calls_with_one_id_get_two():
    answer = fold(
        [CallPart(0, "call_aaaa", "read", "{}"), CallPart(1, "call_aaaa", "grep", "{}"), STOP],
        CALL,
    )

    assert len({call.call_id for call in answer.tool_calls}) == 2


@pytest.mark.parametrize(
    ("said", "tool"),
    [
        ("functions.read", "read"),
        (" default_api.read", "read"),
        ("grep", "grep"),
        ("run the tests!", "run_the_tests_"),
        ("a.b", "a_b"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_tool_is_named_as_it_is_offered_or_as_every_provider_takes_it_back(said: str, tool: str):
    assert calls_of(CallPart(0, "call_aaaa", said, "{}")) == [(tool, "{}")]


def test_an_answer_with_calls_ends_for_its_calls():
    answer = fold([CallPart(0, "call_aaaa", "read", "{}"), STOP], CALL)

    assert answer.finish_reason == "tool_calls"


def test_an_answer_that_was_cut_at_its_length_says_so():
    answer = fold([Text("half of"), Finish("length")], CALL)

    assert answer.finish_reason == "length"


def test_thoughts_that_used_up_the_length_are_an_answer():
    answer = fold([Reasoning("hm"), Finish("length")], CALL)

    assert (answer.content, answer.finish_reason) == ("", "length")


def test_a_stream_without_an_end_was_cut():
    with pytest.raises(ProviderBadAnswer, match="cut"):
        fold([Text("half")], CALL)


@pytest.mark.parametrize("pieces", [[], [Text(" \n")], [Reasoning("hm")]])
def test_an_answer_with_nothing_in_it_is_none(pieces: list[Piece]):
    with pytest.raises(ProviderBadAnswer, match="empty"):
        fold([*pieces, STOP], CALL)


def test_a_call_without_a_name_is_no_answer():
    with pytest.raises(ProviderBadAnswer, match="without a name"):
        fold([CallPart(0, "call_aaaa", None, "{}"), STOP], CALL)


def test_a_filtered_answer_is_a_refusal():
    with pytest.raises(ProviderRefused, match="content filter"):
        fold([Text("well"), Finish("content_filter")], CALL)


def test_the_words_of_a_refusal_are_kept_short():
    with pytest.raises(ProviderRefused) as refused:
        fold([Declined("no " * 500), STOP], CALL)

    assert len(refused.value.reason) <= 200


def test_more_calls_than_any_sane_answer_has_are_refused():
    folding = Folding("openai")

    for number in range(MAX_CALLS):
        folding.add(CallPart(number, f"call_{number:04}", "read", "{}"))

    with pytest.raises(ProviderBadAnswer, match="tool calls"):
        folding.add(CallPart(MAX_CALLS, "call_last", "read", "{}"))


def test_more_text_than_any_sane_answer_has_is_refused():
    folding = Folding("openai")

    folding.add(Text("x" * MAX_ANSWER_CHARS))

    with pytest.raises(ProviderBadAnswer, match="characters"):
        folding.add(Text("x"))


def test_calls_that_were_said_as_text_are_found_by_the_fallback():
    def read(text: str, names: frozenset[str]) -> tuple[str, list[tuple[str, str]]]:
        assert names == {"read"}
        return "rest", [("read", '{"path":"a"}')]

    folding = Folding("openai")
    for piece in (Text("<tool_call>…</tool_call>"), STOP):
        folding.add(piece)

    answer = folding.answer(CALL, "m", read_calls=read)

    assert (answer.content, answer.tool_calls[0].tool) == ("rest", "read")
    assert answer.finish_reason == "tool_calls"


words = st.text(max_size=8)
objects = st.dictionaries(words, st.integers() | words, min_size=1, max_size=3)


@given(st.lists(words.filter(str.strip), min_size=1), st.lists(words))
def test_however_text_is_cut_into_pieces_the_answer_is_the_whole(said, thought):
    answer = fold([*map(Reasoning, thought), *map(Text, said), STOP], CALL)

    assert (answer.content, answer.reasoning) == ("".join(said), "".join(thought))


@given(st.lists(objects, min_size=1, max_size=4), st.data())
def test_however_calls_are_cut_and_interleaved_each_is_whole(asked, data):
    texts = [json.dumps(each) for each in asked]
    parts: list[list[Piece]] = []
    for index, text in enumerate(texts):
        cut = data.draw(st.integers(0, len(text)))
        begin = CallPart(index, f"call_{index:04}", "read", text[:cut])
        parts.append([begin, CallPart(index, arguments=text[cut:])])
    order = data.draw(st.permutations([i for i in range(len(texts)) for _ in range(2)]))

    answer = fold([*(parts[index].pop(0) for index in order), STOP], CALL)

    assert sorted(call.arguments for call in answer.tool_calls) == sorted(texts)


anything = st.one_of(
    st.builds(Text, words),
    st.builds(Reasoning, words),
    st.builds(
        CallPart,
        st.none() | st.integers(-1, 3),
        st.none() | words,
        st.none() | st.sampled_from(["read", "grep", ""]),
        words,
    ),
    st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "content_filter"])),
    st.builds(Declined, words),
    st.builds(Spent, st.none()),
)


@given(st.lists(anything, max_size=12))
def test_whatever_comes_there_is_an_answer_or_a_typed_error(pieces):
    try:
        answer = fold(pieces, CALL)
    except (ProviderBadAnswer, ProviderRefused):
        return

    ids = [call.call_id for call in answer.tool_calls]
    assert len(set(ids)) == len(ids)
    assert all(call.tool for call in answer.tool_calls)
