"""Whether a turn, a session or its owner has used what they may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jidoka.contract.content import ErrorInfo, Usage
from jidoka.contract.errors import BudgetExceeded, JidokaError, StepLimit
from jidoka.core.state import SessionState, Turn

OWNERS_KINDS: Final = ("tokens", "cost_usd")
"""What an owner's sessions together may have a limit of."""


@dataclass(frozen=True, slots=True)
class Over:
    """A limit that is reached."""

    kind: str
    """`steps` `tokens` `cost_usd`."""
    used: float
    limit: float
    scope: str
    """`turn`, `session` or `owner`."""

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
        if limit is not None and used >= (limit := limit + raised_by(state, scope, kind)):
            return Over(kind, used, limit, scope)
    return _owners(state, turn)


def raised_by(state: SessionState, scope: str, kind: str) -> float:
    """Return by how much people raised a limit, for this turn."""
    turn_id = state.turn.turn_id if state.turn else ""
    return sum(
        each.amount
        for each in state.raised
        if (each.scope, each.kind) == (scope, kind) and each.turn_id in ("", turn_id)
    )


def _owners(state: SessionState, turn: Turn) -> Over | None:
    """Return the owner's limit, when the gateway refused the next call for it."""
    error = turn.error
    if error is None or error.code != BudgetExceeded.code or error.details.get("scope") != "owner":
        return None
    kind, used = str(error.details["kind"]), float(error.details["used"])
    limit = float(error.details["limit"]) + raised_by(state, "owner", kind)
    return Over(kind, used, limit, "owner") if used >= limit else None


def error_info(error: JidokaError) -> ErrorInfo:
    """Return an error as it stands in an event."""
    return ErrorInfo.model_validate(error.as_dict())


def _tokens(usage: Usage | None) -> int:
    return usage.input_tokens + usage.output_tokens if usage else 0
