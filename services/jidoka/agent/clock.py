"""Time and new ids, for the parts that may not ask for them themselves."""

from __future__ import annotations

import os
import time
from datetime import datetime

from jidoka.contract.envelope import utc
from jidoka.contract.ids import uuid7


def new_id() -> str:
    """Return a new UUIDv7; the random bits are the kernel's, so that forks differ."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def now() -> datetime:
    """Return the time, UTC."""
    return utc(time.time())
