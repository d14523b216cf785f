import json
import string

from hypothesis import given
from hypothesis import strategies as st

from jidoka.llm.text_calls import MAX_CALLS, read_text_calls

KNOWN = frozenset({"read", "shell"})
NAMES = st.text(string.ascii_letters, min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


def test_a_tagged_call_is_taken_out_of_the_text():
    text = 'I look.\n<tool_call>\n{"name": "read", "arguments": {"path": "a.py"}}\n</tool_call>'

    left, calls = read_text_calls(text, KNOWN)

    assert (left, calls) == ("I look.", (("read", '{"path": "a.py"}'),))


def test_a_fenced_call_is_taken_out_of_the_text():
    text = 'Now:\n```json\n{"name": "shell", "arguments": "{\\"command\\": \\"ls\\"}"}\n```\nDone.'

    left, calls = read_text_calls(text, KNOWN)

    assert calls == (("shell", '{"command": "ls"}'),)
    assert left == "Now:\n\nDone."


def test_a_call_without_its_closing_tag_counts():
    _, calls = read_text_calls('<tool_call>{"name": "read", "arguments": {}}', KNOWN)

    assert calls == (("read", "{}"),)


def test_several_calls_keep_their_order():
    text = '[{"tool": "read", "path": "b"}, {"function": {"name": "shell", "arguments": {}}}]'

    _, calls = read_text_calls(text, KNOWN)

    assert calls == (("read", '{"path": "b"}'), ("shell", "{}"))


def test_json_that_names_no_known_tool_is_an_answer():
    text = '```json\n{"name": "jidoka", "arguments": {"x": 1}}\n```'

    assert read_text_calls(text, KNOWN) == (text, ())


def test_a_model_that_repeats_itself_makes_a_bounded_number_of_calls():
    text = '<tool_call>{"name": "read", "arguments": {}}</tool_call>' * (MAX_CALLS * 3)

    _, calls = read_text_calls(text, KNOWN)

    assert len(calls) == MAX_CALLS


def test_numbers_that_are_no_json_make_no_call():
    text = '<tool_call>{"name": "read", "arguments": {"offset": NaN}}</tool_call>'

    assert read_text_calls(text, KNOWN) == (text, ())


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text):
    left, calls = read_text_calls(text, KNOWN)

    assert calls or left == text


@given(st.sampled_from(sorted(KNOWN)), st.dictionaries(NAMES, VALUES, max_size=4))
def test_every_call_that_is_written_is_read_as_it_was(tool, arguments):
    said = json.dumps({"name": tool, "arguments": arguments})

    _, calls = read_text_calls(f"<tool_call>{said}</tool_call>", KNOWN)

    assert [(name, json.loads(raw)) for name, raw in calls] == [(tool, arguments)]
