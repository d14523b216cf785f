"""A tool of an MCP server, as it is offered to the model, or not offered at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from mcp_types import Tool

from jidoka.contract.errors import InvalidMessage, TooLarge
from jidoka.contract.json import read_json, write_json
from jidoka.contract.mcp import tool_name

MOST_SCHEMA_BYTES = 64 * 1024
_AROUND = 16
"""How deep a schema may stand in an event: what is nested deeper than 64 the log refuses."""
_FRAME_BYTES = 256
"""Around a tool's description and schema, its name included."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool as its server offers it."""

    name: str
    """As the model knows it."""
    theirs: str
    """As the server knows it."""
    description: str
    schema: Mapping[str, Any]
    size_bytes: int
    """Of what the model is told of it."""


def offer_of(server: str, tool: Tool) -> Offer | None:
    """Return how a tool is offered, None where its name or schema is not usable."""
    schema = cast("object", tool.input_schema)
    if not tool.name or not isinstance(schema, dict):
        return None
    typed = cast("dict[str, Any]", schema)
    size = _size_of(typed)
    if typed.get("type") != "object" or not size:
        return None
    said = "".join(c for c in tool.description or tool.title or "" if c.isprintable() or c == "\n")
    said = said[:4_096]
    size += len(said.encode()) + _FRAME_BYTES
    return Offer(tool_name(server, tool.name), tool.name, said, typed, size)


def _size_of(schema: dict[str, Any]) -> int:
    """Return the bytes of a schema; 0 where the log could not hold it, or it is too long."""
    try:
        body = write_json(_nested(schema))
        read_json(body, maximum_bytes=MOST_SCHEMA_BYTES)
    except (ValueError, RecursionError, InvalidMessage, TooLarge):
        return 0
    return len(body)


def _nested(schema: Any) -> Any:
    """Return a value as deep in lists as it will be in the log, and in a history that is moved."""
    for _ in range(_AROUND):
        schema = [schema]
    return schema
