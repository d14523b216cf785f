"""By how much limits were raised, and the question about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Raised:
    """A limit that somebody raised."""

    scope: str
    """`turn` `session` `owner`."""
    kind: str
    """`tokens` `cost_usd`."""
    amount: float
    turn_id: str = ""
    """The turn that it holds for; empty: the rest of the session."""


@dataclass(frozen=True)
class Pause:
    """A question whether to go on beyond a limit."""

    call_id: str
    scope: str
    kind: str
    used: float
    limit: float
    """As it was raised by then."""
    deadline: datetime
    answer: str | None = None

    def is_about(self, scope: str, kind: str) -> bool:
        """Tell whether it is about this limit."""
        return (self.scope, self.kind) == (scope, kind)
