"""Drafts of events, for whoever fills a log in a test."""

from __future__ import annotations

import os
import time

from jidoka.contract.events import Event, SessionTitled
from jidoka.contract.ids import uuid7
from jidoka.core.ports import Draft


def new_id() -> str:
    """Return a fresh UUIDv7."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def a_draft(title: str = "a title", event: Event | None = None, event_id: str = "") -> Draft:
    """Return a draft; without an event it names the session `title`."""
    return Draft(
        event=event or SessionTitled(title=title),
        event_id=event_id or new_id(),
        source="/jidoka/test/1",
    )
