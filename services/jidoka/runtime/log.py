"""The runtime's own log: a JSON line an occurrence, without a logging library in its memory."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any


def say(event: str, **fields: Any) -> None:
    """Write a line to standard error."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"event": event, "program": "runtime", "timestamp": time, **fields}
    with suppress(OSError):  # a disk that is full is no reason to end
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()
