"""What every tool has to say of itself: its arguments, its class, its time and its output.

That they keep to what they say of their output is in `test_output.py`, where each one is run.
"""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from jidoka.core.tooling import ASK_TOOL, INLINE_BYTES, EffectClass, Tool
from jidoka.tools.background import BackgroundShells
from jidoka.tools.fetch import Fetch
from jidoka.tools.toolbox import builtin_tools

TOOLS: tuple[Tool, ...] = (*builtin_tools(), *BackgroundShells().tools(), Fetch(["example.org"]))
LONGEST_S = 600
MOST_DESCRIPTION = 600


def named(tool: Tool) -> str:
    return tool.spec.name


def unbounded(schema: dict[str, Any], path: str = "") -> list[str]:
    """Return the places of a schema that may be of any size."""
    match schema.get("type"):
        case "string":
            return [] if "maxLength" in schema or "enum" in schema else [path]
        case "array":
            own = [] if "maxItems" in schema else [path]
            return own + unbounded(schema["items"], f"{path}[]")
        case "object":
            found = [] if schema.get("additionalProperties") is False else [path]
            for name, inner in schema["properties"].items():
                found += unbounded(inner, f"{path}.{name}")
            return found
        case "integer" | "number":
            return [] if {"minimum", "maximum"} <= schema.keys() else [path]
        case _:
            return []


def test_names_are_unique():
    names = [tool.spec.name for tool in TOOLS]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("tool", TOOLS, ids=named)
def test_a_tool_has_a_schema_that_bounds_everything(tool: Tool):
    schema = dict(tool.spec.parameters)

    Draft202012Validator.check_schema(schema)

    assert schema["type"] == "object"
    assert unbounded(schema) == []


@pytest.mark.parametrize("tool", TOOLS, ids=named)
def test_a_tool_says_what_it_does_and_how_long_it_may_take(tool: Tool):
    assert tool.spec.effect in (EffectClass.PURE, EffectClass.IDEMPOTENT, EffectClass.EFFECT)
    assert 0 < tool.spec.timeout_s <= LONGEST_S
    assert 0 < len(tool.spec.description) <= MOST_DESCRIPTION


@pytest.mark.parametrize("tool", TOOLS, ids=named)
def test_a_tool_says_how_much_it_tells_and_whether_it_shows_it_while_it_comes(tool: Tool):
    assert 0 < tool.spec.output_bytes <= INLINE_BYTES
    assert tool.spec.streams == (tool.spec.name == "shell")


def test_the_tool_that_asks_has_the_name_that_waits():
    assert ASK_TOOL in [tool.spec.name for tool in TOOLS]
