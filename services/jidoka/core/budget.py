"""Whether a turn or session has used what it may use."""

from __future__ import annotations

from dataclasses import dataclass

from jidoka.contract.content import ErrorInfo, Usage
from jidoka.contract.errors import BudgetExceeded, JidokaError, StepLimit
from jidoka.core.state import SessionState


@dataclass(frozen=True, slots=True)
class Over:
    """A limit that is reached."""

    kind: str
    """`steps` `tokens` `cost_usd`."""
    used: float
    limit: float
    scope: str
    """`turn` or `session`."""

    def error(self) -> JidokaError:
        """Return it as the error that a person reads."""
        if self.kind == "steps":
            return StepLimit(used=int(self.used), limit=int(self.limit))
        return BudgetExceeded(kind=self.kind, used=self.used, limit=self.limit, scope=self.scope)


def exceeded(state: SessionState) -> Over | None:
    """Return the first limit that leaves no room for another model call, None when there is room.

    Unknown usage and cost count as nothing: a cap can only hold what a provider says.
    """
    turn, limits, totals = state.turn, state.limits, state.totals
    if turn is None:
        return None
    tokens, cost = _tokens(turn.usage), turn.cost_usd or 0.0
    checks = (
        ("steps", turn.step, limits.max_steps, "turn"),
        ("tokens", tokens, limits.turn_tokens, "turn"),
        ("cost_usd", cost, limits.turn_cost_usd, "turn"),
        ("tokens", tokens + _tokens(totals.usage), limits.session_tokens, "session"),
        ("cost_usd", cost + (totals.cost_usd or 0.0), limits.session_cost_usd, "session"),
    )
    for kind, used, limit, scope in checks:
        if limit is not None and used >= limit:
            return Over(kind, used, limit, scope)
    return None


def error_info(error: JidokaError) -> ErrorInfo:
    """Return an error as it stands in an event."""
    return ErrorInfo.model_validate(error.as_dict())


def _tokens(usage: Usage | None) -> int:
    return usage.input_tokens + usage.output_tokens if usage else 0
