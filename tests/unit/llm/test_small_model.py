import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.llm.small_model import compact, expand, question
from jidoka.llm.small_model.code import changed, smallest_edit
from jidoka.llm.small_model.grammar import PATIENCE

NAMES = ("read", "write", "edit", "list", "glob", "grep", "shell")
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in NAMES]
CODE = "import os\n\n\ndef one():\n    return 2\n\n\ndef two():\n    return 2\n"
NUMBERED = "\n".join(f"{n:>6}\t{line}" for n, line in enumerate(CODE.splitlines(), start=1))
FAILURE = "AssertionError: 2 != 1\n(exit status 1)"


def talk(asked: str, *steps: tuple[str, dict[str, str], str]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "a long prompt for a bigger model"},
        {"role": "user", "content": asked},
    ]
    for number, (tool, arguments, result) in enumerate(steps):
        function = {"name": tool, "arguments": json.dumps(arguments)}
        call = {"id": f"c{number}", "type": "function", "function": function}
        messages += [
            {"role": "assistant", "content": "hm", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": result},
        ]
    return messages


LISTED = ("list", {"path": "."}, "app/\na.py\ntest_a.py\nREADME.md")
RUN = ("shell", {"command": "python3 -m unittest"}, FAILURE)
READ = ("read", {"path": "a.py"}, NUMBERED)
FIX = (
    "edit",
    {"path": "a.py", "old": "def one():\n    return 2", "new": "def one():\n    return 1"},
    "",
)
SAME = ("edit", {"path": "a.py", "old": "x", "new": "x"}, "error: tool_args_invalid: the same")
CHANGE = json.dumps({"tool": "edit", "path": "a.py"})
ANSWER = "It gives 2.\n```python\ndef one():\n    return 1\n```\nNow it passes."


def choices(messages) -> dict[str, dict[str, Any]]:
    schema = compact(messages, TOOLS)["response_format"]["json_schema"]["schema"]
    return {
        choice["properties"]["tool"]["const"]: choice["properties"] for choice in schema["oneOf"]
    }


def test_a_step_that_did_not_end_is_another_throw_at_the_next_attempt():
    said = '{"tool": "shell", "command": "echo no end'
    with pytest.raises(ValueError, match="did not end"):
        expand(said, "", talk("Fix a.py"))

    throws = [compact(talk("Fix a.py"), TOOLS, attempt) for attempt in (1, 2, 3)]

    assert [(throw["temperature"], throw["seed"]) for throw in throws] == [
        (0.0, 0),
        (0.7, 1),
        (0.7, 2),
    ]
    assert throws[0]["messages"] == throws[2]["messages"]


def test_the_system_prompt_is_the_same_bytes_in_every_call():
    first = compact(talk("Fix a.py"), TOOLS)["messages"][0]

    later = compact(talk("Fix it", LISTED, RUN, READ), TOOLS)["messages"][0]

    assert first == later
    assert len(first["content"]) < 2_000


def test_each_request_begins_with_the_one_before():
    shorter = compact(talk("Fix it", LISTED, RUN), TOOLS)["messages"]

    longer = compact(talk("Fix it", LISTED, RUN, READ), TOOLS)["messages"]

    assert longer[: len(shorter)] == shorter


def test_only_files_that_were_named_and_are_unread_can_be_read():
    offered = choices(talk("Fix it", LISTED, READ, RUN))

    assert offered["read"]["path"] == {"enum": ["test_a.py"]}


def test_a_command_that_the_task_names_is_run_before_the_end_and_after_each_change():
    begun = choices(talk("`python3 a.py` fails", READ))
    changed_since = choices(
        talk("`python3 a.py` fails", READ, ("shell", {"command": "python3 a.py"}, "x"), FIX)
    )

    assert begun["shell"]["command"] == {"enum": ["python3 a.py"]}
    assert not {"edit", "finish"} & set(begun)
    assert "finish" not in changed_since


@pytest.mark.parametrize("command", ["node --test", "make -s check", "sh test.sh", "go test ./..."])
def test_commands_of_other_languages_are_known_too_where_they_are_quoted(command: str):
    begun = choices(talk(f"`{command}` fails. Do not go home, or make tea.", READ))

    assert begun["shell"]["command"] == {"enum": [command]}
    assert "finish" not in begun


def test_only_a_file_that_the_task_names_and_that_is_not_there_can_be_written():
    offered = choices(talk("Make b.py like a.py", LISTED))

    assert offered["write"]["path"] == {"enum": ["b.py"]}


def test_a_failing_check_is_no_end_until_patience_is_over():
    looks = [("grep", {"pattern": str(n)}, "(no hits)") for n in range(PATIENCE)]

    assert "finish" not in choices(talk("Fix it", READ, RUN))
    assert "finish" in choices(talk("Fix it", READ, RUN, *looks))


def test_only_code_that_was_read_can_be_edited():
    documents = ("read", {"path": "README.md"}, "# words")

    assert "edit" not in choices(talk("Fix it", LISTED, documents))
    assert choices(talk("Fix it", LISTED, documents, READ))["edit"]["path"] == {"enum": ["a.py"]}


def test_a_tool_whose_last_call_was_identical_is_not_offered_again():
    search = ("grep", {"pattern": "x"}, "(no hits)")

    offered = choices(talk("Where is x?", LISTED, search, search))

    assert "grep" not in offered


def test_after_a_change_the_same_check_can_be_run_again():
    offered = choices(talk("Fix it", RUN, READ, RUN, FIX))

    assert "shell" in offered


def test_the_question_for_a_change_shows_the_file_and_what_the_check_said():
    asked = question(CHANGE, talk("Fix it", LISTED, RUN, READ))

    assert asked is not None
    assert CODE.strip() in asked["messages"][0]["content"]
    assert "AssertionError: 2 != 1" in asked["messages"][0]["content"]
    assert asked["temperature"] == 0.0


def test_a_check_reads_the_same_wherever_and_however_fast_it_ran():
    first = 'File "/tmp/a1/test_a.py", line 3\nRan 3 tests in 0.001s\n(exit status 1)'
    second = 'File "/var/b/test_a.py", line 3\nRan 3 tests in 0.250s\n(exit status 1)'

    asked = [
        question(CHANGE, talk("Fix it", READ, ("shell", {"command": "x"}, result)))
        for result in (first, second)
    ]

    assert asked[0] == asked[1]


def test_a_change_that_changed_nothing_is_asked_for_less_coldly():
    asked = question(CHANGE, talk("Fix it", RUN, READ, SAME))

    assert asked is not None
    assert asked["temperature"] > 0.0


def test_other_steps_have_no_question():
    assert question('{"tool": "list", "path": "."}', talk("Fix it")) is None


def test_code_becomes_an_edit_of_the_lines_that_differ():
    text, (call,) = expand(CHANGE, ANSWER, talk("Fix it", RUN, READ))

    assert text == "It gives 2."
    assert call["function"]["name"] == "edit"
    assert json.loads(call["function"]["arguments"]) == {
        "path": "a.py",
        "old": "def one():\n    return 2\n",
        "new": "def one():\n    return 1\n",
    }


def test_a_file_that_is_not_there_is_written_whole():
    said = json.dumps({"tool": "write", "path": "b.py"})

    _, (call,) = expand(said, "```python\nx = 1\n```", talk("Make b.py"))

    assert call["function"]["name"] == "write"
    assert json.loads(call["function"]["arguments"]) == {"path": "b.py", "content": "x = 1\n"}


def test_an_edit_is_followed_in_the_file():
    _, (call,) = expand(CHANGE, ANSWER, talk("Fix it", RUN, READ, FIX))

    arguments = json.loads(call["function"]["arguments"])
    assert arguments["old"] == arguments["new"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def two():\n    return 3", CODE.replace("two():\n    return 2", "two():\n    return 3")),
        ("import sys", CODE.replace("import os", "import sys")),
        ("def three():\n    return 3\n\n\nimport os", f"{CODE}\n\ndef three():\n    return 3\n"),
        (CODE.strip(), CODE),
    ],
)
def test_code_goes_where_its_first_line_or_a_similar_one_is(code, expected):
    assert changed(CODE, code) == expected


def test_finish_is_an_answer_without_a_call():
    said = {"tool": "finish", "answer": "It works."}

    assert expand(json.dumps(said), "", talk("Fix it")) == ("It works.", [])


@pytest.mark.parametrize("text", ["", '{"tool": "cut', "[1]", '{"answer": "no tool"}'])
def test_an_answer_that_is_no_step_is_an_error(text):
    with pytest.raises(ValueError, match=r".+"):
        expand(text, "", talk("Fix it"))


def test_a_long_conversation_stays_within_the_window():
    steps = [("grep", {"pattern": str(n)}, "line of code\n" * 1_000) for n in range(60)]

    request = compact(talk("Where is x?", LISTED, *steps), TOOLS)

    assert sum(len(message["content"]) for message in request["messages"]) < 20_000
    assert request["messages"][1]["content"] == "Task: Where is x?"


def test_the_same_conversation_always_gives_the_same_request():
    messages = talk("Fix it", LISTED, RUN, READ, FIX, RUN)

    assert compact(messages, TOOLS) == compact(messages, TOOLS)


RESULTS = st.text(max_size=80) | st.sampled_from([FAILURE, NUMBERED, "error: x: y", "a.py\nb/"])
STEPS = st.tuples(
    st.sampled_from(NAMES),
    st.dictionaries(
        st.sampled_from(["path", "old", "new", "command", "content", "pattern"]),
        st.sampled_from(["a.py", "import os", ".", "x", "python3 a.py"]),
    ),
    RESULTS,
)


@given(st.text(max_size=60), st.lists(STEPS, max_size=8))
def test_whatever_was_said_there_is_a_valid_next_step(asked, steps):
    request = compact(talk(asked, *steps), TOOLS)

    schema = request["response_format"]["json_schema"]["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["oneOf"]
    assert request["messages"][-1]["role"] == "user"


@given(st.text(alphabet="ab\n", min_size=1), st.text(alphabet="ab\n"))
def test_the_smallest_edit_makes_one_text_of_the_other(before, after):
    old, new = smallest_edit(before, after)

    assert before.replace(old, new, 1) == after
    assert before.count(old) == 1 or old == before
