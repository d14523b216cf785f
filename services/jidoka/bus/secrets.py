"""What the programs on one broker strike out of all that they store: its own secret, to begin with.

The tags of placeholders are made with the broker's secret, so all programs make the same, and who
may only read events cannot try values against them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from jidoka.bus.entries import Stored
from jidoka.contract import subjects
from jidoka.contract.events import Event
from jidoka.contract.redacted_data import clean, placeholders_in
from jidoka.contract.redaction import Redactor, Redactors


@lru_cache(maxsize=8)
def redactors_of(url: str) -> Redactors:
    """Return the redactors of who is connected to the broker at `url`: the same for the same one.

    What a program has once learned holds for all its connections, and a process that was forked
    finds it done.
    """
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


def without_secrets(
    message: Stored, redactors: Redactors, most_bytes: int
) -> tuple[Stored, Redactor]:
    """Return a message without the secrets in its body and headers, and what struck them out.

    At most `most_bytes` of the body are kept. JSON stays JSON: what is struck out ends before a
    quote.
    """
    redactor = redactors.of(subjects.session_of(message.subject) or "")
    text, found = redactor.text(message.body[:most_bytes].decode("utf-8", "surrogateescape"))
    body = text.encode("utf-8", "surrogateescape") if found else message.body
    headers = {name: redactor.text(value)[0] for name, value in message.headers.items()}
    return replace(message, body=body[:most_bytes], headers=headers), redactor
