"""The promise to others: one JSON Schema (draft 2020-12) a type, made from the models.

`documents()` returns every generated file of `schemas/` by its relative name. The published
schemas do not forbid unknown fields: a released version only gains some, and a reader ignores
what it does not know. Nothing reads these files at run time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from jidoka.contract.commands import COMMANDS
from jidoka.contract.envelope import SCHEMA_URI, Envelope, dataschema_of, type_of
from jidoka.contract.errors import ERRORS, JidokaError, Refused, Upstream, details_of
from jidoka.contract.events import EVENTS
from jidoka.contract.live import LIVE_KINDS, Delta
from jidoka.contract.replies import REPLIES
from jidoka.contract.script import Script

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_ORDER = ("description", "type", "properties", "required", "$defs")


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat the names of fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: a field is called by its name."""
        del schema
        return False


def documents() -> dict[str, str]:
    """Return every generated file: relative name → JSON text that ends with a line break."""
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in _all()
    }


def _all() -> Iterator[tuple[str, Schema]]:
    yield "envelope.v1.json", _head("envelope.v1") | _of(Envelope)
    for name, command in COMMANDS.items():
        yield _typed("commands", name, _without_session(_of(command)))
    for name, event in EVENTS.items():
        yield _typed("events", name, _of(event) | {"x-writer": event.writer.value})
    for kind in LIVE_KINDS:
        yield _typed("live", kind, _of(Delta))
    for name, reply in REPLIES.items():
        yield _typed("replies", name, _of(reply))
    yield "errors.v1.json", _head("errors.v1") | _errors()
    yield "script.v1.json", _head("script.v1") | _of(Script)


def _typed(folder: str, name: str, schema: Schema) -> tuple[str, Schema]:
    """Return the file of the data of a CloudEvents type."""
    title = type_of(f"live.{name}" if folder == "live" else name)
    head = {"$schema": DIALECT, "$id": dataschema_of(folder, name), "title": title}
    return f"{folder}/{name}.v1.json", head | schema


def _head(title: str) -> Schema:
    return {"$schema": DIALECT, "$id": f"{SCHEMA_URI}{title}", "title": title}


def _of(model: type[BaseModel]) -> Schema:
    """Return the published schema of a model, without its head."""
    made = _published(model.model_json_schema(schema_generator=_Untitled, mode="validation"))
    return {key: made[key] for key in _ORDER if key in made}


def _published(node: Any) -> Any:
    """Return a schema that forbids no unknown field and asks for every constant, at any depth."""
    if isinstance(node, list):
        return [_published(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = {key: _published(value) for key, value in cast("Schema", node).items()}
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    constant = [name for name, field in _fields_of(schema) if "const" in field]
    if constant:
        schema["required"] = [*constant, *schema.get("required", ())]
    return schema


def _fields_of(schema: Schema) -> Iterable[tuple[str, Any]]:
    """Return the fields of an object's schema; none for any other node."""
    return schema.get("properties", {}).items() if schema.get("type") == "object" else ()


def _without_session(schema: Schema) -> Schema:
    """Return the schema with `session_id` optional: the envelope's subject may name it."""
    required = [name for name in schema.get("required", ()) if name != "session_id"]
    return {
        key: required if key == "required" else value
        for key, value in schema.items()
        if key != "required" or required
    }


def _errors() -> Schema:
    """Return the schema of an error on every face, with the details of each known code."""
    return {
        "description": "An error, the same over every face. A code is never renamed or reused.",
        "type": "object",
        "properties": {
            "code": {"description": "Codes may be added.", "type": "string", "examples": [*ERRORS]},
            "message": {"description": "What is wrong and what to do about it.", "type": "string"},
            "retryable": {
                "description": "Whether the same request may succeed later.",
                "type": "boolean",
            },
            "details": {"description": "The fields of this code.", "type": "object"},
        },
        "required": ["code", "message", "retryable", "details"],
        "allOf": [_when(code) for code in ERRORS],
        "$defs": {code: _details(kind) for code, kind in ERRORS.items()},
    }


def _when(code: str) -> Schema:
    return {
        "if": {"properties": {"code": {"const": code}}},
        "then": {"properties": {"details": {"$ref": f"#/$defs/{code}"}}},
    }


def _details(kind: type[JidokaError]) -> Schema:
    made = details_of(kind).model_json_schema(schema_generator=_Untitled)
    return {
        "description": " ".join((kind.__doc__ or "").split()),
        "x-class": _class_of(kind),
        "x-retryable": kind.retryable,
        "x-exit-code": kind.exit_code,
        **{key: value for key, value in made.items() if key not in ("title", "description")},
    }


def _class_of(kind: type[JidokaError]) -> str:
    if issubclass(kind, Refused):
        return "refused"
    return "upstream" if issubclass(kind, Upstream) else "failed"
