import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.llm.small_model import compact, expand
from jidoka.llm.small_model.blocks import blocks_of

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
FIX = ("edit", {"path": "a.py", "old": "    return 2\n\n\ndef two", "new": "x"}, "Edited a.py")


def choices(messages) -> dict[str, dict[str, Any]]:
    schema = compact(messages, TOOLS)["response_format"]["json_schema"]["schema"]
    return {
        choice["properties"]["tool"]["const"]: choice["properties"] for choice in schema["oneOf"]
    }


def test_the_system_prompt_is_the_same_bytes_in_every_call():
    first = compact(talk("Fix a.py"), TOOLS)["messages"][0]

    later = compact(talk("Fix it", LISTED, RUN, READ), TOOLS)["messages"][0]

    assert first == later
    assert len(first["content"]) < 2_400


def test_each_request_begins_with_the_one_before():
    shorter = compact(talk("Fix it", LISTED, RUN), TOOLS)["messages"]

    longer = compact(talk("Fix it", LISTED, RUN, READ), TOOLS)["messages"]

    assert longer[: len(shorter)] == shorter


def test_it_looks_around_first():
    assert set(choices(talk("Fix the test"))) == {"list"}


def test_only_files_that_are_there_and_unread_can_be_read():
    offered = choices(talk("Fix it", LISTED, READ, RUN))

    assert offered["read"]["path"] == {"enum": ["test_a.py"]}


def test_a_question_changes_no_file():
    offered = choices(talk("What does a.py do?", LISTED, READ))

    assert "finish" in offered
    assert not {"edit", "write"} & set(offered)


def test_after_a_change_the_command_that_failed_is_run_again():
    edit = ("edit", {"path": "a.py", "old": "import os", "new": "import re"}, "Edited a.py")

    offered = choices(talk("Fix it", LISTED, RUN, READ, edit))

    assert {name: each.get("command") for name, each in offered.items()} == {
        "shell": {"const": "python3 -m unittest"}
    }


def test_a_check_that_passes_after_a_change_ends_the_task():
    edit = ("edit", {"path": "a.py", "old": "import os", "new": "import re"}, "Edited a.py")
    passed = ("shell", {"command": "python3 -m unittest"}, "OK")

    assert set(choices(talk("Fix it", LISTED, RUN, READ, edit, passed))) == {"finish"}


def test_a_tool_that_was_called_twice_alike_is_not_offered_again():
    search = ("grep", {"pattern": "x"}, "(no match)")

    offered = choices(talk("Where is x?", LISTED, search, search))

    assert "grep" not in offered


def test_a_named_block_becomes_the_text_that_stands_there():
    messages = talk("Fix it", LISTED, RUN, READ)
    said = {"thought": "why", "tool": "edit", "path": "a.py", "block": "def one():", "fix": "so"}
    said["new"] = "pass"

    text, (call,) = expand(json.dumps(said), messages)

    assert text == "why → so"
    assert call["function"]["name"] == "edit"
    assert json.loads(call["function"]["arguments"]) == {
        "path": "a.py",
        "old": "def one():\n    return 2",
        "new": "pass",
    }


def test_finish_is_an_answer_without_a_call():
    said = {"thought": "I am done.", "tool": "finish", "answer": "It works."}

    assert expand(json.dumps(said), talk("Fix it")) == ("It works.", [])


@pytest.mark.parametrize("text", ["", '{"thought": "cut', "[1]", '{"answer": "no tool"}'])
def test_an_answer_that_is_no_step_is_an_error(text):
    with pytest.raises(ValueError, match=r".+"):
        expand(text, talk("Fix it"))


def test_a_long_conversation_stays_within_the_window():
    steps = [("grep", {"pattern": str(n)}, "line of code\n" * 1_000) for n in range(60)]

    request = compact(talk("Where is x?", LISTED, *steps), TOOLS)

    assert sum(len(message["content"]) for message in request["messages"]) < 20_000
    assert request["messages"][1]["content"] == "Where is x?"


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


@given(st.text(alphabet="ab \n\t:", max_size=400))
def test_every_block_stands_in_its_file_exactly_once(content):
    assert all(content.count(block) == 1 for block in blocks_of(content).values())
