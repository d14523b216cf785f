"""The few forms that the arguments of the tools have."""

from __future__ import annotations

from typing import Any

MAX_PATH = 4096


def arguments(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def text(description: str, *, most: int, least: int = 0) -> dict[str, Any]:
    """Return the schema of a string."""
    bounds = {"minLength": least} if least else {}
    return {"type": "string", "description": description, **bounds, "maxLength": most}


def number(description: str, *, least: int, most: int) -> dict[str, Any]:
    """Return the schema of an integer."""
    return {"type": "integer", "description": description, "minimum": least, "maximum": most}


def flag(description: str) -> dict[str, Any]:
    """Return the schema of a boolean."""
    return {"type": "boolean", "description": description}


def path(description: str) -> dict[str, Any]:
    """Return the schema of a path in the project."""
    return text(description, least=1, most=MAX_PATH)
