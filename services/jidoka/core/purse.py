"""Going on beyond a budget: asked of a person, remembered in the log, for as much as was said.

    a limit of tokens or money is reached ─► question.asked {over}     the turn waits
    question.answered  continue, an amount ─► the limit is raised by as much again, or by that
    question.answered  stop, or nobody     ─► turn.ended {outcome: budget}

Steps and wall time are not asked about, and nothing is where nobody would answer: the turn ends.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from jidoka.contract import events as e
from jidoka.contract.content import BudgetOver, ErrorInfo, TurnOutcome
from jidoka.contract.errors import InvalidMessage
from jidoka.core.allowance import Pause, Raised
from jidoka.core.budget import Over, error_info, exceeded
from jidoka.core.changing import changed
from jidoka.core.effects import AskBudget, AwaitAnswer, Effect
from jidoka.core.state import SessionState, Turn

CONTINUE: Final = "continue"
STOP: Final = "stop"
OPTIONS: Final = (CONTINUE, STOP)
_UNITS: Final = {"cost_usd": "USD", "tokens": "tokens"}


# --- what is to be done ---------------------------------------------------------------------------


def asking(state: SessionState, turn: Turn, over: Over) -> Effect | None:
    """Return what asks whether to go on, or waits for the answer; None: the turn ends."""
    if over.kind not in _UNITS or turn.unattended or not state.limits.question_deadline_s:
        return None
    pause = turn.pause
    if pause is not None and pause.answer is None and pause.is_about(over.scope, over.kind):
        return AwaitAnswer(pause.call_id, pause.deadline, STOP, is_open_ended=True)
    return AskBudget(f"{turn.turn_id}-budget-{turn.pauses + 1}", over.scope, over.kind)


def question_of(state: SessionState, effect: AskBudget, deadline: datetime) -> e.QuestionAsked:
    """Return the question whether to go on."""
    over, turn = exceeded(state), state.turn
    if over is None or turn is None:
        raise LookupError(effect.call_id)
    unit = _UNITS[over.kind]
    used, limit = (_amount(value, over.kind) for value in (over.used, over.limit))
    words = f"The {over.scope}'s budget of {limit} {unit} is used up ({used} {unit}). "
    return e.QuestionAsked(
        turn_id=turn.turn_id,
        call_id=effect.call_id,
        question=f"{words}Go on with as much again, with another amount of {unit}, or stop?",
        options=OPTIONS,
        deadline=deadline,
        default=STOP,
        over=BudgetOver(scope=over.scope, kind=over.kind, used=over.used, limit=over.limit),
    )


def _amount(value: float, kind: str) -> str:
    return f"{value:,.0f}" if kind == "tokens" else f"{value:.4f}".rstrip("0").rstrip(".")


# --- what may be said -----------------------------------------------------------------------------


def waits_for_money(state: SessionState, call_id: str) -> bool:
    """Tell whether this is the question about a budget that waits for its answer."""
    pause = state.turn.pause if state.turn else None
    return pause is not None and pause.call_id == call_id and pause.answer is None


def check_answer(answer: str) -> None:
    """Refuse what is neither `continue`, `stop` nor an amount.

    Raises:
        InvalidMessage: with what may be said.
    """
    if answer not in OPTIONS and _number(answer) is None:
        reason = "must be continue, stop, or by how much the budget is raised"
        raise InvalidMessage.of("data.answer", reason)


def _number(answer: str) -> float | None:
    try:
        value = float(answer)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


# --- what it changes ------------------------------------------------------------------------------


def paused(state: SessionState, event: e.QuestionAsked, over: BudgetOver) -> SessionState:
    """Return the state whose turn waits for an answer about a budget."""
    turn = state.turn
    if turn is None or turn.turn_id != event.turn_id:
        return state
    pause = Pause(event.call_id, over.scope, over.kind, over.used, over.limit, event.deadline)
    return changed(state, turn=changed(turn, pause=pause, pauses=turn.pauses + 1))


def after_answer(state: SessionState, call_id: str, answer: str) -> SessionState:
    """Return the state whose turn goes on with more, or ends."""
    turn = state.turn
    if turn is None or turn.pause is None or not waits_for_money(state, call_id):
        return state
    pause = changed(turn.pause, answer=answer)
    amount = pause.limit if answer == CONTINUE else _number(answer)
    if amount is None or answer == STOP:
        stopped = changed(turn, pause=pause, stopping=turn.stopping or TurnOutcome.BUDGET)
        return changed(state, turn=changed(stopped, error=_error(pause)))
    turn_id = turn.turn_id if pause.scope == "turn" else ""
    raised = (*state.raised, Raised(pause.scope, pause.kind, amount, turn_id))
    return changed(state, turn=changed(turn, pause=pause), raised=raised)


def _error(pause: Pause) -> ErrorInfo:
    return error_info(Over(pause.kind, pause.used, pause.limit, pause.scope).error())
