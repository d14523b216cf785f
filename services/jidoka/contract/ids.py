"""Identifiers, made from the time and random bits that the caller gives."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from pydantic import StringConstraints

SESSION_ID_PATTERN = r"^[a-z0-9_-]{1,64}$"
TOKEN_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"  # noqa: S105 - a pattern, not a password

SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID_PATTERN)]
Token = Annotated[str, StringConstraints(pattern=TOKEN_PATTERN)]

_SESSION_ID = re.compile(r"[a-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def uuid7(unix_ms: int, random_bytes: bytes) -> str:
    """Return the UUIDv7 of a time in milliseconds and 10 random bytes (RFC 9562 §5.7)."""
    if len(random_bytes) != 10:  # noqa: PLR2004
        raise ValueError("a UUIDv7 takes exactly 10 random bytes")
    value = (unix_ms & ((1 << 48) - 1)) << 80 | int.from_bytes(random_bytes)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def session_id_of(source: str, command_id: str) -> str:
    """Return the id of the session that the create command `command_id` of `source` makes.

    It follows from the command, so that a durable create knows its subject beforehand.
    """
    return "s" + command_key(source, command_id)


def command_key(source: str, command_id: str) -> str:
    """Return the short key under which a command is recorded once."""
    return hashlib.sha256(f"{source}\n{command_id}".encode()).hexdigest()[:24]


def project_key(real_path: str) -> str:
    """Return the subject token of the project folder at `real_path`."""
    return hashlib.sha256(real_path.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def is_session_id(text: str) -> bool:
    """Tell whether `text` is a session id: one lower-case token."""
    return _SESSION_ID.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Tell whether `text` is one token of a subject."""
    return _TOKEN.fullmatch(text) is not None
