"""What stands in a log and cannot be understood: by us, who are too old, or by anybody."""

from __future__ import annotations

from jidoka.contract.errors import LogDamaged, UnsupportedVersion
from jidoka.contract.events import EVENTS, UnknownEvent
from jidoka.core.ports import Entry

SUPPORTED = 1
"""The version of every event that this build writes."""


def newer_version(entry: Entry) -> str:
    """Return the type and version that a newer build gave to an event of ours, else nothing.

    An unknown type passes by; a known one of another version may change what the session is.
    """
    envelope = entry.envelope
    if envelope.name in EVENTS and envelope.version > SUPPORTED:
        return f"{envelope.name}.v{envelope.version}"
    return ""


def misunderstood(entry: Entry) -> LogDamaged | UnsupportedVersion | None:
    """Return what is wrong with an entry of a log that is whole, None for nothing.

    What a stranger put into the log carries no number, and passes by.
    """
    envelope = entry.envelope
    if not isinstance(entry.event, UnknownEvent) or envelope.sequence is None:
        return None
    if newer := newer_version(entry):
        return unsupported(newer)
    if envelope.name in EVENTS:  # of ours, and its data is not
        return LogDamaged(first=entry.sequence, last=entry.sequence)
    return None


def unsupported(newer: str) -> UnsupportedVersion:
    """Return what a command to such a session is refused with."""
    return UnsupportedVersion(found=f"{newer} in its log", supported=f"v{SUPPORTED}")
