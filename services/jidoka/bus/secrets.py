"""What the programs on one broker strike out of all that they store: its own secret, to begin with.

The tags of placeholders are made with the broker's secret, so all programs make the same, and who
may only read events cannot try values against them.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from jidoka.contract.events import Event
from jidoka.contract.redacted_data import clean, placeholders_in
from jidoka.contract.redaction import Redactor, Redactors


def redactors_of(url: str) -> Redactors:
    """Return the redactors of who is connected to the broker at `url`."""
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    secrets = [secret for secret in (parts.password, parts.username) if secret]
    key = hashlib.sha256(f"jidoka {' '.join(secrets)}".encode()).digest()
    return Redactors(key, secrets)


def redacted(event: Event, redactor: Redactor) -> Event:
    """Return an event without secrets, and with their number where it counts them."""
    data = event.model_dump(mode="json")
    changed = clean(data, redactor)
    count = placeholders_in(changed) if "redactions" in data else 0
    if changed is data and not count:
        return event
    return type(event).model_validate(changed | ({"redactions": count} if count else {}))
