"""Whether a call's arguments fit a tool's JSON Schema; every problem at once.

It knows what tool schemas are made of: type, properties, required, additionalProperties, items,
enum, const, minimum, maximum, minLength, maxLength, minItems, maxItems, anyOf. Other keywords,
which a tool of somebody else's may bring, are that tool's to check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

MAX_PROBLEMS = 20
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def fitting(args: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return `args` as the schema means them: an optional one that is null was left out."""
    properties = cast("Mapping[str, Any]", schema.get("properties", {}))
    required = schema.get("required", ())
    return {
        name: value
        for name, value in args.items()
        if value is not None or name in required or name not in properties
    }


def problems_of(value: object, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield a sentence for each place where `value` does not fit, with its path."""
    if "anyOf" in schema:
        if all(any(problems_of(value, option, path)) for option in schema["anyOf"]):
            yield f"{path or 'arguments'}: fits none of the allowed forms"
        return
    wanted = schema.get("type")
    if wanted is not None and not _is_of(value, wanted):
        yield f"{path or 'arguments'}: must be {_named(wanted)}, not {_name_of(value)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: must be one of {', '.join(map(repr, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        yield f"{path}: must be {schema['const']!r}"
    match value:
        case str():
            yield from _of_text(value, schema, path)
        case bool() | None:
            return
        case int() | float():
            yield from _of_number(value, schema, path)
        case list():
            yield from _of_array(cast("list[object]", value), schema, path)
        case dict():
            yield from _of_object(cast("dict[str, object]", value), schema, path)
        case _:
            yield f"{path or 'arguments'}: is no JSON value"


def _of_text(value: str, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from _bounds(len(value), "Length", "characters", schema, path)
    if any("\ud800" <= character <= "\udfff" for character in value):
        yield f"{path}: holds half a character (a lone surrogate)"


def _of_number(value: float, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"{path}: must be at least {schema['minimum']}"
    if value > schema.get("maximum", value):
        yield f"{path}: must be at most {schema['maximum']}"


def _of_array(value: Sequence[object], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from _bounds(len(value), "Items", "items", schema, path)
    for index, item in enumerate(value):
        yield from problems_of(item, schema.get("items", {}), f"{path}[{index}]")


def _of_object(value: Mapping[str, object], schema: Mapping[str, Any], path: str) -> Iterator[str]:
    properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
    prefix = f"{path}." if path else ""
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{prefix}{name}: is missing"
    for name, item in value.items():
        if name in properties:
            yield from problems_of(item, properties[name], f"{prefix}{name}")
        elif schema.get("additionalProperties", True) is False:
            yield f"{prefix}{name[:80]}: is unknown; known: {', '.join(properties)}"


def _bounds(size: int, what: str, unit: str, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if size < schema.get(f"min{what}", size):
        yield f"{path}: must have at least {schema[f'min{what}']} {unit}"
    if size > schema.get(f"max{what}", size):
        yield f"{path}: must have at most {schema[f'max{what}']} {unit}, has {size}"


def _is_of(value: object, wanted: str | Sequence[str]) -> bool:
    names = (wanted,) if isinstance(wanted, str) else wanted
    return any(_is_one(value, name) for name in names)


def _is_one(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"  # to Python it is an integer too
    return isinstance(value, _TYPES.get(name, (object,)))


def _named(wanted: str | Sequence[str]) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)


def _name_of(value: object) -> str:
    return next((name for name in _TYPES if _is_one(value, name)), type(value).__name__)
