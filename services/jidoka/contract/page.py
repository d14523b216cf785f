"""The contract as a page for people, made from the same models as the schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, cast

from jidoka.contract.commands import COMMANDS, MANAGER_COMMANDS
from jidoka.contract.errors import ERRORS
from jidoka.contract.events import EVENTS, Writer
from jidoka.contract.live import LIVE_KINDS
from jidoka.contract.schema import documents
from jidoka.contract.subjects import (
    EVENTS_STREAM,
    command_request,
    session_command,
    session_event,
    session_live,
)

Schema = dict[str, Any]

_HEAD: Final = """# Commands, events, errors

Made from the models by `jidoka schemas write`; do not edit. Every message is a CloudEvent of type
`jido.<name>.v1`; this page says what its `data` holds. The same in full: `schemas/`, with an
example of each type in `schemas/examples/`.
"""


def contract_page() -> str:
    """Return the page, Markdown that ends with a line break."""
    schemas: dict[str, Schema] = {name: json.loads(text) for name, text in documents().items()}
    parts = [
        _HEAD,
        *_commands(schemas),
        *_events(schemas),
        *_deltas(schemas),
        *_values(schemas),
        *_errors(schemas["errors.v1.json"]),
    ]
    return "\n".join(parts)


def _commands(schemas: dict[str, Schema]) -> Iterator[str]:
    yield "## Commands\n"
    asked = _spelled(command_request("noun.verb"))
    left = _spelled(session_command("id", "noun.verb"))
    yield f"Asked on `{asked}` and answered at once, or left on `{left}`."
    yield "Answered with `jido.command.accepted.v1` or `jido.command.refused.v1`.\n"
    for name in COMMANDS:
        by = "session-manager" if name in MANAGER_COMMANDS else "coordinator"
        yield from _entry(name, schemas[f"commands/{name}.v1.json"], f"Decided by: {by}.")


def _events(schemas: dict[str, Schema]) -> Iterator[str]:
    yield "## Events\n"
    subject = _spelled(session_event("id", "noun.verb"))
    yield f"On `{subject}`, in the stream `{EVENTS_STREAM}`: the truth.\n"
    for writer in Writer:
        yield f"### Written by the {writer.value}\n"
        for name, kind in EVENTS.items():
            if kind.writer is writer:
                yield from _entry(name, schemas[f"events/{name}.v1.json"], "", level=4)


def _deltas(schemas: dict[str, Schema]) -> Iterator[str]:
    yield "## Deltas\n"
    kinds = ", ".join(f"`{_spelled(session_live('id', kind))}`" for kind in LIVE_KINDS)
    yield f"On {kinds}: what is shown while it happens, never the truth.\n"
    yield from _fields(schemas["live/text.v1.json"])


def _values(schemas: dict[str, Schema]) -> Iterator[str]:
    """Yield the objects that fields of several types hold."""
    yield "## Values\n"
    found: dict[str, Schema] = {
        name: made
        for file, schema in schemas.items()
        if file != "errors.v1.json"
        for name, made in schema.get("$defs", {}).items()
        if made.get("type") == "object"
    }
    for name, made in sorted(found.items()):
        yield f"### {name}\n"
        yield f"{made.get('description', '')}\n"
        yield from _fields(made | {"$defs": schemas["events/session.created.v1.json"]["$defs"]})


def _errors(schema: Schema) -> Iterator[str]:
    yield "## Errors\n"
    yield "`{code, message, retryable, details}`, the same over every face.\n"
    yield "| code | message | fault | may succeed later | exit code | details |"
    yield "|---|---|---|---|---|---|"
    for code in ERRORS:
        made: Schema = schema["$defs"][code]
        details = ", ".join(f"`{name}`" for name in made.get("properties", {}))
        later = "yes" if made["x-retryable"] else ""
        cells = (made["description"], made["x-class"], later, made["x-exit-code"], details)
        yield f"| `{code}` | " + " | ".join(_cell(str(cell)) for cell in cells) + " |"
    yield ""


def _entry(name: str, schema: Schema, note: str, level: int = 3) -> Iterator[str]:
    yield f"{'#' * level} `{name}`\n"
    yield f"{schema['description']} {note}".strip() + "\n"
    yield from _fields(schema)


def _fields(schema: Schema) -> Iterator[str]:
    if not schema.get("properties"):
        return
    required = schema.get("required", ())
    yield "| field | type | |"
    yield "|---|---|---|"
    for name, field in schema["properties"].items():
        words = field.get("description", "")
        default = field.get("default")
        if default not in (None, "", [], {}) and not isinstance(default, dict):
            words = f"{words} Default: `{json.dumps(default)}`.".strip()
        shown = f"**`{name}`**" if name in required else f"`{name}`"
        yield f"| {shown} | {_cell(_kind(field, schema))} | {_cell(words)} |"
    yield ""


def _kind(field: Schema, schema: Schema) -> str:
    """Return the type of a field in few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        values = schema.get("$defs", {}).get(name, {}).get("enum")
        return " ".join(f"`{value}`" for value in values) if values else name
    if "anyOf" in field or "oneOf" in field:
        branches = cast("list[Schema]", field.get("anyOf") or field["oneOf"])
        return " or ".join(_kind(branch, schema) for branch in branches)
    if "enum" in field:
        return " ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}), schema)}"
    return str(field.get("format") or field.get("type") or "anything")


def _spelled(subject: str) -> str:
    """Return a subject with its variable tokens in angle brackets."""
    return subject.replace(".id.", ".<id>.").replace("noun.verb", "<noun>.<verb>")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
