"""The envelope: CloudEvents 1.0, one strict form out, every form that the field uses in.

Out: structured JSON, `content-type: application/cloudevents+json`, lower-case names.
In:  structured, structured without a header, binary (`ce-*` headers, percent-decoded),
     `specversion` "1.0" and the "1.0.2" of older jido tools, with their `session_id`,
     `correlation_id` and `causation_id`; other names with underscores are ignored.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, cast
from urllib.parse import unquote_to_bytes

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import ErrorDetails, to_json

from jidoka.contract.errors import InvalidMessage
from jidoka.contract.json import read_json

CONTENT_TYPE: Final = "application/cloudevents+json"
CONTENT_TYPE_HEADER: Final = "content-type"
SCHEMA_URI: Final = "urn:jidoka:schema:"
GENESIS: Final = "0" * 64
"""`prevhash` of a session's first event."""

_SPEC_VERSIONS = ("1.0", "1.0.2")
_EXTENSION_NAME = re.compile(r"[a-z0-9]{1,64}")
_TYPE = re.compile(r"jido\.([a-z0-9_-]+\.[a-z0-9_-]+)\.v([0-9]{1,4})")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# what a CloudEvents string must not hold; a line break would also end a header of the bus
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
_ANCESTORS_NAMES = {
    "session_id": "subject",
    "correlation_id": "correlationid",
    "causation_id": "causationid",
}
MOST_PROBLEMS = 20
"""How many problems a refusal names."""
_MOST_REASON = 300
_OURS = "Value error, "
"""What pydantic writes before a reason of ours."""


def _a_time(value: Any) -> Any:
    if isinstance(value, str) and not _RFC_3339.match(value):
        raise ValueError("must be an RFC 3339 time")
    if isinstance(value, int | float):
        raise ValueError("must be an RFC 3339 time, not a number")
    return value


class Envelope(BaseModel):
    """One CloudEvent. Attributes that this version does not know are kept as they came."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    specversion: Literal["1.0"] = "1.0"
    """The version of CloudEvents."""
    id: Annotated[str, Field(min_length=1, max_length=256)]
    """Unique together with `source`; ours are UUIDv7 and also the `Nats-Msg-Id`."""
    source: Annotated[str, Field(min_length=1, max_length=1024)]
    """Who says it: `/jidoka/<program>/<instance>` for our programs."""
    type: Annotated[str, Field(min_length=1, max_length=256)]
    """`jido.<noun>.<verb>.v<version>`."""
    subject: Annotated[str, Field(max_length=256)] | None = None
    """The session id."""
    time: Annotated[AwareDatetime | None, BeforeValidator(_a_time)] = None
    """When it was said, UTC. Order comes from `sequence`, never from here."""
    datacontenttype: str | None = None
    """`application/json`, or left out."""
    dataschema: str | None = None
    """The URI of the JSON Schema of `data`."""
    sequence: Annotated[str, Field(pattern=r"^[0-9]{10}$")] | None = None
    """Contiguous within the session, from 1, ten digits."""
    prevhash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Hex SHA-256 of the bytes of the session's previous stored event; zeros for the first."""
    epoch: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Which worker assignment spoke."""
    correlationid: Annotated[str, Field(max_length=256)] | None = None
    """What it belongs to: the turn, or the command that began it all."""
    causationid: Annotated[str, Field(max_length=256)] | None = None
    """The id of the command or event that caused it."""
    traceparent: Annotated[str, Field(max_length=256)] | None = None
    """W3C trace context."""
    dataref: Annotated[str, Field(max_length=1024)] | None = None
    """Where the data is when it is too large to travel: `blob:<session id>/<sha256>`."""
    data: Any = None
    """The payload, a JSON object."""

    @property
    def name(self) -> str:
        """`<noun>.<verb>` of the type, or the whole type when it is not one of ours."""
        match = _TYPE.fullmatch(self.type)
        return match.group(1) if match else self.type

    @property
    def version(self) -> int:
        """The version in the type, 0 when it has none."""
        match = _TYPE.fullmatch(self.type)
        return int(match.group(2)) if match else 0

    @property
    def number(self) -> int:
        """`sequence` as a number, 0 where there is none."""
        return int(self.sequence or 0)

    def to_json(self) -> bytes:
        """Return the structured form, without empty attributes; `data` keeps its nulls."""
        attributes = self.model_dump_json(exclude_none=True, exclude={"data"}).encode()
        if self.data is None:
            return attributes
        return b'%s,"data":%s}' % (attributes[:-1], to_json(self.data))


def type_of(name: str, version: int = 1) -> str:
    """Return the CloudEvents type of `<noun>.<verb>`."""
    return f"jido.{name}.v{version}"


def dataschema_of(kind: str, name: str, version: int = 1) -> str:
    """Return the `$id` of a file in `schemas/`, whose folder is `kind` (`events`, `live`)."""
    return f"{SCHEMA_URI}{kind}:{name}.v{version}"


def digest_of(stored: bytes) -> str:
    """Return the hash that the next event of the session carries as `prevhash`."""
    return hashlib.sha256(stored).hexdigest()


def receive(body: bytes, headers: Mapping[str, str] | None = None) -> Envelope:
    """Return the CloudEvent in a message, whichever of the accepted forms it has.

    Raises:
        InvalidMessage: it has none of the forms, or an attribute is wrong (every problem named).
        TooLarge: more than 1 MiB.
    """
    lower = {key.lower(): value for key, value in (headers or {}).items()}
    if lower.get(CONTENT_TYPE_HEADER, "").lower().startswith("application/cloudevents"):
        return _structured(read_json(body))
    if "ce-specversion" in lower:
        return _binary(body, lower)
    value = read_json(body)
    if isinstance(value, dict) and "specversion" in value:
        return _structured(cast("object", value))
    raise InvalidMessage.of("", "not a CloudEvent: no specversion in headers or body")


def open_stored(body: bytes) -> Envelope:
    """Return the CloudEvent of bytes that we stored ourselves (no bounds but the stream's)."""
    return Envelope.model_validate_json(body)


def open_reply(
    body: bytes, headers: Mapping[str, str] | None = None, shape: type[Envelope] = Envelope
) -> Envelope:
    """Return the CloudEvent that one of our own programs answered with, a `shape` where it fits.

    Ten times faster than the wary reader, and bounded by what the broker carries alone; what is
    not in our own form is read warily.

    Raises:
        InvalidMessage, TooLarge: as `receive`.
    """
    try:
        return shape.model_validate_json(body)
    except ValidationError:
        return receive(body, headers)


def _structured(value: object) -> Envelope:
    if not isinstance(value, dict):
        raise InvalidMessage.of("", "a CloudEvent is a JSON object")
    if "data_base64" in value:
        raise InvalidMessage.of("data_base64", "data must be JSON, not base64")
    return _validated(cast("dict[str, Any]", value))


def _binary(body: bytes, headers: Mapping[str, str]) -> Envelope:
    attributes: dict[str, Any] = {
        key.removeprefix("ce-"): _decoded(key, value)
        for key, value in headers.items()
        if key.startswith("ce-")
    }
    content_type = headers.get(CONTENT_TYPE_HEADER) or attributes.get("datacontenttype")
    if content_type:
        attributes["datacontenttype"] = content_type
    attributes["data"] = read_json(body) if body else None
    return _validated(attributes)


def _decoded(name: str, value: str) -> str:
    text = value.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = _ESCAPED.sub(r"\1", text[1:-1])
    if not _PERCENT.search(text):
        return text
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidMessage.of(name, "percent-encoding is not UTF-8") from None


def _validated(attributes: dict[str, Any]) -> Envelope:
    if attributes.get("specversion") not in _SPEC_VERSIONS:
        raise InvalidMessage.of("specversion", 'must be "1.0"')
    attributes = _named_as_ours(attributes) | {"specversion": "1.0"}
    _check_names_and_texts(attributes)
    try:
        envelope = Envelope.model_validate(attributes)
    except ValidationError as problem:
        raise InvalidMessage(problems=problems_of(problem)) from None
    if envelope.time is None:
        return envelope
    try:
        return envelope.model_copy(update={"time": envelope.time.astimezone(UTC)})
    except OverflowError:
        raise InvalidMessage.of("time", "out of range") from None


def _named_as_ours(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes under today's names; what no version of ours could carry is left out.

    That is other names with underscores, and extensions that are objects or lists.
    """
    kept = {
        name: value
        for name, value in attributes.items()
        if "_" not in name and (name == "data" or not isinstance(value, dict | list))
    }
    for old, new in _ANCESTORS_NAMES.items():
        if isinstance(attributes.get(old), str):
            kept.setdefault(new, attributes[old])
    return kept


def _check_names_and_texts(attributes: Mapping[str, Any]) -> None:
    problems = [
        {"path": name[:64], "reason": "attribute names are lower-case letters and digits"}
        for name in attributes
        if not _EXTENSION_NAME.fullmatch(name)
    ] + [
        {"path": name[:64], "reason": "control characters have no place in an attribute"}
        for name, value in attributes.items()
        if name != "data" and isinstance(value, str) and _CONTROL.search(value)
    ]
    if problems:
        raise InvalidMessage(problems=tuple(problems[:MOST_PROBLEMS]))


def problems_of(error: ValidationError, prefix: str = "") -> tuple[dict[str, str], ...]:
    """Return the first 20 problems as `{path, reason}`, without the rejected values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = [
        (".".join(_steps(prefix, *item["loc"])), item["msg"].removeprefix(_OURS)[:_MOST_REASON])
        for item in found
        if not (item["type"] == "too_short" and _is_about_a_part(item["loc"], found))
    ]
    return tuple({"path": path, "reason": reason} for path, reason in told[:MOST_PROBLEMS])


def _is_about_a_part(place: tuple[str | int, ...], found: Sequence[ErrorDetails]) -> bool:
    """Tell whether a list only seems short because an item of it is wrong, which is told too."""
    return any(item["loc"] != place and item["loc"][: len(place)] == place for item in found)


def _steps(*places: str | int) -> Iterator[str]:
    """Yield the steps to a problem; the tag of a chosen branch is none."""
    for place in map(str, places):
        if place and not (place.startswith("<") and place.endswith(">")):
            yield place[:64]


def utc(unix_s: float) -> datetime:
    """Return the aware UTC time of a Unix time in seconds."""
    return datetime.fromtimestamp(unix_s, UTC)
