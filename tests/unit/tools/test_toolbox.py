"""Tools by name, and arguments against their schemas."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract.errors import ToolArgsInvalid, ToolUnknown
from jidoka.core.tooling import EffectClass
from jidoka.tools.arguments import problems_of
from jidoka.tools.toolbox import Toolbox, builtin_tools

BOX = Toolbox(builtin_tools())
SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 4},
        "count": {"type": "integer", "minimum": 1, "maximum": 3},
        "mode": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "inner": {
            "type": "object",
            "properties": {"x": {"type": ["number", "null"]}},
            "required": ["x"],
            "additionalProperties": False,
        },
        "either": {"anyOf": [{"type": "string"}, {"const": 7}]},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def test_each_tool_says_what_an_unfinished_call_means():
    assert BOX.kinds() == {
        "read": EffectClass.PURE,
        "list": EffectClass.PURE,
        "glob": EffectClass.PURE,
        "grep": EffectClass.PURE,
        "edit": EffectClass.IDEMPOTENT,
        "multi_edit": EffectClass.IDEMPOTENT,
        "patch": EffectClass.IDEMPOTENT,
        "write": EffectClass.IDEMPOTENT,
        "shell": EffectClass.EFFECT,
        "commit": EffectClass.EFFECT,
        "todo": EffectClass.PURE,
        "ask": EffectClass.PURE,
    }


def test_what_the_model_is_told_are_function_tools_with_valid_schemas():
    for spec in BOX.specs_for_model():
        function = spec["function"]

        jsonschema.Draft202012Validator.check_schema(function["parameters"])
        assert spec["type"] == "function"
        assert function["description"]


def test_an_unknown_tool_is_refused_with_those_that_are_there():
    with pytest.raises(ToolUnknown) as refused:
        BOX.get("rm")

    assert refused.value.known == BOX.names


def test_tools_come_and_go_while_the_session_lives():
    box = Toolbox(())

    box.add(builtin_tools()[0])
    box.remove("not there")
    names_with = box.names
    box.remove("read")

    assert (names_with, box.names) == (("read",), ())


def test_every_problem_is_told_at_once():
    with pytest.raises(ToolArgsInvalid) as refused:
        BOX.checked("edit", {"path": 1, "old": "", "extra": True})

    assert refused.value.problems == (
        "new: is missing",
        "path: must be string, not integer",
        "old: must have at least 1 characters",
        "extra: is unknown; known: path, old, new, replace_all",
    )


def test_problems_are_counted_up_to_a_bound():
    with pytest.raises(ToolArgsInvalid) as refused:
        BOX.checked("list", {f"key{n}": n for n in range(1_000)})

    assert len(refused.value.problems) == 20


def test_an_optional_argument_that_is_null_was_left_out():
    assert BOX.checked("read", {"path": "a", "offset": None}) == {"path": "a"}


def test_half_a_character_is_refused():
    assert list(problems_of("\ud800", {"type": "string"}, "x"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "abc", "abcde"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SHAPE["properties"], "x", "odd"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    json_values
    | st.fixed_dictionaries(
        {"name": st.just("abc")},
        optional={key: json_values for key in SHAPE["properties"] if key != "name"},
    )
)
def test_it_judges_as_a_full_validator_does(value):
    ours = not list(problems_of(value, SHAPE))

    theirs = jsonschema.Draft202012Validator(SHAPE).is_valid(value)

    assert ours == theirs
