"""A frozen value with other fields, made fast: folding a log does this several times an event."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def changed(value: T, **fields: Any) -> T:
    """Return what `dataclasses.replace` returns, for a dataclass without slots and `__post_init__`.

    It copies the fields at once instead of calling the constructor with each of them, which is
    some ten times faster for a value of many fields.

    Raises:
        TypeError: there is no such field.
    """
    if not fields.keys() <= value.__dict__.keys():
        unknown = ", ".join(fields.keys() - value.__dict__.keys())
        raise TypeError(f"{type(value).__name__} has no field {unknown}")
    new = object.__new__(type(value))
    new.__dict__.update(value.__dict__)
    new.__dict__.update(fields)
    return new
