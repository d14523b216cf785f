"""The circuit breaker of a provider: after 5 failures within 10 s nobody asks it for 30 s. Pure.

closed ── 5 failures in 10 s ─► open ── 30 s ─► one call may try ── heard ─► closed
▲                     └── failed ─┐
└─────────────────────────────────┘
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

FAILURES: Final = 5
WINDOW_S: Final = 10.0
OPEN_S: Final = 30.0
TRIAL_S: Final = 1.0
"""How long to leave to a call that is out to see whether the provider is back."""


@dataclass(slots=True)
class Breaker:
    """What is known of a provider's health; times are of one monotonic clock, in seconds."""

    failures: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES))
    open_until: float | None = None
    trying: bool = False
    """Whether one call is out to see if the provider is back."""
    open_s: float = OPEN_S

    def admits(self, now: float) -> bool:
        """Tell whether a call may go now; while open, the one that may is the one that tries."""
        if self.open_until is None:
            return True
        if self.trying or now < self.open_until:
            return False
        self.trying = True
        return True

    def wait_s(self, now: float) -> float:
        """Return after how long it is worth asking again whether a call is admitted."""
        left_s = 0.0 if self.open_until is None else self.open_until - now
        return max(left_s, TRIAL_S)

    def heard(self) -> None:
        """Note that the provider answers."""
        self.failures.clear()
        self.open_until, self.trying = None, False

    def failed(self, now: float) -> bool:
        """Note that the provider could not be reached; tell whether that opens the circuit."""
        self.failures.append(now)
        many = len(self.failures) == FAILURES and now - self.failures[0] <= WINDOW_S
        if not many and not self.trying:
            return False
        self.open_until, self.trying = now + self.open_s, False
        return True

    def gave_up(self) -> None:
        """Note that the call that tried ended without an outcome: another may try."""
        self.trying = False
