"""When to try again, and when to give up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

MODEL_ATTEMPTS = 5
_FIRST_DELAY_S = 0.5
_MAX_DELAY_S = 30.0


def model_delay_s(
    attempt: int, *, retryable: bool, retry_after_s: float | None, fraction: float
) -> float | None:
    """Return how long to wait after the failed `attempt` (from 1), None to give up.

    `fraction` in [0, 1) is the jitter, given by the caller. A provider's `Retry-After` is honoured.
    """
    if not retryable or attempt >= MODEL_ATTEMPTS:
        return None
    backoff_s = min(_MAX_DELAY_S, _FIRST_DELAY_S * 2 ** (attempt - 1))
    jittered_s = backoff_s * (0.5 + fraction / 2)
    return max(jittered_s, retry_after_s or 0.0)


def crash_loop(
    losses: Sequence[datetime], now: datetime, *, restarts: int = 10, window_s: float = 60.0
) -> bool:
    """Tell whether a worker died so often that the session is to be terminated.

    A death after `now` was recorded before the clock was set back: nobody knows how long ago.
    """
    since = now - timedelta(seconds=window_s)
    return sum(since < loss <= now for loss in losses) > restarts
