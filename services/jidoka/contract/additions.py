"""What a released version may still become: the same, with more fields.

`losses` compares the schemas of a release with those of today. New files, new optional fields,
new definitions and other words in descriptions are additions. Everything else breaks somebody
who wrote or read the released form, and is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

_WORDS = frozenset({"description", "examples", "title", "$comment"})
_NAMED = frozenset({"properties", "$defs"})
"""Keywords whose members may become more."""
_DEFAULT = "default"
"""Where it is an object it has the new fields too, each with its own default."""
_GROWING = frozenset({"allOf"})
"""Lists whose entries may become more: rules about values that did not exist before."""


def losses(released: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return what `current` (file name → schema) breaks of `released`, empty when it only adds."""
    found: list[str] = []
    for name, schema in released.items():
        if name in current:
            found.extend(_of_node(name, schema, current[name]))
        else:
            found.append(f"{name}: is gone")
    return found


def _of_node(place: str, old: Any, new: Any) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{place}: was {old!r}, is {new!r}"
        return
    yield from _of_object(place, cast("Schema", old), cast("Schema", new))


def _of_object(place: str, old: Schema, new: Schema) -> Iterator[str]:
    for key in sorted((old.keys() | new.keys()) - _WORDS):
        at = f"{place}#{key}" if "#" not in place else f"{place}/{key}"
        if key in _NAMED:
            yield from _of_names(at, old.get(key, {}), new.get(key, {}))
        elif key == _DEFAULT and isinstance(old[key], dict) and isinstance(new.get(key), dict):
            yield from _of_names(at, old[key], new[key])
        elif key in _GROWING:
            yield from (
                f"{at}: a rule is gone" for rule in old.get(key, []) if rule not in new[key]
            )
        elif key not in old:
            yield f"{at}: is new, and narrows what was allowed"
        elif key not in new:
            yield f"{at}: is gone"
        else:
            yield from _of_node(at, old[key], new[key])


def _of_names(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in old.items():
        if name in new:
            yield from _of_node(f"{place}/{name}", schema, new[name])
        else:
            yield f"{place}/{name}: is gone"
