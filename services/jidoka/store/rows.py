"""A session's row as columns and back; lists and objects are JSON with sorted keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from jidoka.core.session_row import SessionRow

_TUPLES = frozenset({"fallbacks", "inbox", "calls", "waiting", "losses"})
_FLAGS = frozenset({"ended", "network"})
_OBJECTS = frozenset({"limits", "metadata", "error"})
COLUMNS = tuple(field.name for field in fields(SessionRow))


def to_columns(row: SessionRow) -> dict[str, Any]:
    """Return the columns of a row."""
    values = {name: getattr(row, name) for name in COLUMNS}
    return {
        name: _dumped(value) if name in _TUPLES | _OBJECTS and value is not None else value
        for name, value in values.items()
    }


def from_columns(columns: Mapping[str, Any]) -> SessionRow:
    """Return the row of columns."""
    return SessionRow(**{name: _value(name, columns[name]) for name in COLUMNS})


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _value(name: str, column: Any) -> Any:
    if name in _FLAGS:
        return bool(column)
    if column is None or name not in _TUPLES | _OBJECTS:
        return column
    loaded = json.loads(column)
    return tuple(loaded) if name in _TUPLES else loaded
